"""infra overcommit and adoption."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: it makes the table anew, which fails where rows of others refer to it.
    column = sa.Column("overcommit", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("cluster", column)
    op.create_table(
        "adopted_guest",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("native_name", sa.String(length=63), nullable=False),
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("adopted_by", sa.String(length=120), nullable=False),
        sa.Column("adopted_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_adopted_guest_cluster_id")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_adopted_guest_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adopted_guest")),
        sa.UniqueConstraint(
            "cluster_id", "native_name", name=op.f("uq_adopted_guest_cluster_id_native_name")
        ),
    )
