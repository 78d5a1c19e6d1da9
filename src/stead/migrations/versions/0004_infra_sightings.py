"""infra sightings."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sighting",
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("native_name", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_sighting_cluster_id")
        ),
        sa.PrimaryKeyConstraint("cluster_id", "native_name", name=op.f("pk_sighting")),
    )
    op.add_column("cluster", sa.Column("looked_at", stead.core.db.UtcDateTime(), nullable=True))
