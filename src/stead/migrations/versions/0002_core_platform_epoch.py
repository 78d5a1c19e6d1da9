"""core platform epoch."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "platform",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("began_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("copy", sa.String(length=80), nullable=True),
        sa.Column("copied_at", stead.core.db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
    )
    # What exists belongs to the first epoch, the only one so far.
    with op.batch_alter_table("job") as batch:
        batch.add_column(sa.Column("epoch", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("job") as batch:
        batch.alter_column("epoch", existing_type=sa.Integer(), server_default=None)
    with op.batch_alter_table("edge_snapshot") as batch:
        batch.drop_column("epoch")
