"""fleet work: jobs of other kinds, packages on machines, work on many."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job") as batch:
        batch.add_column(
            sa.Column("kind", sa.String(length=20), nullable=False, server_default="package")
        )
        batch.add_column(sa.Column("arguments", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(
            sa.Column("requested_by", sa.String(length=80), nullable=False, server_default="")
        )
    with op.batch_alter_table("job") as batch:
        batch.alter_column("kind", existing_type=sa.String(length=20), server_default=None)
        batch.alter_column("arguments", existing_type=sa.JSON(), server_default=None)
        batch.alter_column("requested_by", existing_type=sa.String(length=80), server_default=None)
    op.create_table(
        "installation",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("machine_id", sa.String(length=26), nullable=False),
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=40), nullable=False),
        sa.Column("package_version", sa.String(length=40), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("installed_at", stead.core.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_installation_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
        sa.UniqueConstraint(
            "machine_id", "package_id", name=op.f("uq_installation_machine_id_package_id")
        ),
    )
    op.create_table(
        "bulk",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("canaries", sa.Integer(), nullable=False),
        sa.Column("accepted_failures", sa.Integer(), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_bulk_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk")),
    )
    op.create_table(
        "bulk_target",
        sa.Column("bulk_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("machine_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_id"], ["bulk.id"], name=op.f("fk_bulk_target_bulk_id_bulk")
        ),
        sa.PrimaryKeyConstraint("bulk_id", "position", name=op.f("pk_bulk_target")),
    )
