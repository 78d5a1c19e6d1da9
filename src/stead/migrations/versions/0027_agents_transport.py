"""agents transport."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column(
        "transport", sa.String(length=8), server_default=sa.text("'https'"), nullable=False
    )
    op.add_column("agent", column)
