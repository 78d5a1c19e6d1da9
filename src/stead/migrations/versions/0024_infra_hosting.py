"""infra hosting: what deployments get on connected clusters, and the places they have there."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cluster_hosting",
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("image", sa.String(length=200), nullable=False),
        sa.Column("network", sa.String(length=18), nullable=False),
        sa.Column("first", sa.String(length=15), nullable=False),
        sa.Column("last", sa.String(length=15), nullable=False),
        sa.Column("gateway", sa.String(length=15), nullable=False),
        sa.Column("nameserver", sa.String(length=15), nullable=False),
        sa.Column("set_by", sa.String(length=120), nullable=False),
        sa.Column("set_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_cluster_hosting_cluster_id")
        ),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("pk_cluster_hosting")),
    )
    op.create_table(
        "hosted_guest",
        sa.Column("owner", sa.String(length=26), nullable=False),
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_hosted_guest_cluster_id")
        ),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_hosted_guest")),
        sa.UniqueConstraint(
            "cluster_id", "number", name=op.f("uq_hosted_guest_cluster_id_number")
        ),
    )
