"""exposure certificate days."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: it makes the table anew, which fails where rows of others refer to it.
    column = sa.Column("days", sa.Integer(), nullable=False, server_default="90")
    op.add_column("certificate", column)
