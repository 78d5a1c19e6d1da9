"""infra guest kind: whether guests on a connected cluster are containers or virtual machines."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cluster_hosting") as batch:
        batch.add_column(
            sa.Column("kind", sa.String(length=10), nullable=False, server_default="container")
        )
