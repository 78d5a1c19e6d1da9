"""identity suspended: tokens that came back with a copy wait for their owners."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_token", sa.Column("suspended_at", sa.DateTime(), nullable=True))
