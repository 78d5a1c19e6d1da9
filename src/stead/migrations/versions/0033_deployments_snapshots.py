"""deployments snapshots: states of a deployment's disk that it can return to."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment_snapshot",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("deployment_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("package_version", sa.String(length=40), nullable=False),
        sa.Column("contents", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_snapshot")),
        sa.UniqueConstraint(
            "deployment_id", "name", name=op.f("uq_deployment_snapshot_deployment_id_name")
        ),
    )
