"""core trace context."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: it makes the table anew, which fails where rows of others refer to it.
    for table in ("operation", "job"):
        column = sa.Column(
            "trace", sa.String(length=55), nullable=False, server_default=sa.text("''")
        )
        op.add_column(table, column)
