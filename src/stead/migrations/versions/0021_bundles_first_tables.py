"""bundles first tables: bundles in use and their members."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bundle",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("bundle", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_bundle_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_bundle_project_id_name")),
    )
    op.create_table(
        "bundle_member",
        sa.Column("bundle_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("package_id", sa.String(length=40), nullable=False),
        sa.Column("deployment_name", sa.String(length=40), nullable=False),
        sa.Column("deployment_id", sa.String(length=26), nullable=True),
        sa.Column("operation_id", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(
            ["bundle_id"], ["bundle.id"], name=op.f("fk_bundle_member_bundle_id")
        ),
        sa.PrimaryKeyConstraint("bundle_id", "position", name=op.f("pk_bundle_member")),
    )
