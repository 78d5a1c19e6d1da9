"""infra nesting: whether guests on a connected cluster may hold containers of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cluster_hosting") as batch:
        batch.add_column(sa.Column("nesting", sa.Boolean(), nullable=False, server_default="0"))
