"""instances warm: guests that are made before anybody asks for them."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warm_pool",
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("size", sa.String(length=10), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "size", name=op.f("pk_warm_pool")),
    )
    op.create_table(
        "warm_guest",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("size", sa.String(length=10), nullable=False),
        sa.Column("image", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=63), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("taken_by", sa.String(length=26), nullable=True),
        sa.Column("created_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warm_guest")),
        sa.UniqueConstraint("taken_by", name=op.f("uq_warm_guest_taken_by")),
    )
    op.create_index(op.f("ix_warm_guest_cluster_id"), "warm_guest", ["cluster_id"])
