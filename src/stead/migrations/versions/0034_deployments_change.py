"""deployments change: what a deployment is to be, beside what it is."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment_change",
        sa.Column("deployment_id", sa.String(length=26), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("package_version", sa.String(length=40), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("source_id", sa.String(length=26), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployment.id"],
            name=op.f("fk_deployment_change_deployment_id"),
        ),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_deployment_change")),
    )
