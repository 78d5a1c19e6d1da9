"""sources first tables."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("ref", sa.String(length=120), nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.Column("signers", sa.JSON(), nullable=False),
        sa.Column("host_keys", sa.JSON(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("public_key", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.String(length=40), nullable=True),
        sa.Column("accepted_at", stead.core.db.UtcDateTime(), nullable=True),
        sa.Column("accepted_by", sa.String(length=120), nullable=True),
        sa.Column("checked_at", stead.core.db.UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("added_by", sa.String(length=120), nullable=False),
        sa.Column("added_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_table(
        "source_snapshot",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("source_id", sa.String(length=26), nullable=False),
        sa.Column("revision", sa.String(length=40), nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.Column("signer", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("found_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("decided_at", stead.core.db.UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_snapshot_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_snapshot")),
        sa.UniqueConstraint(
            "source_id",
            "revision",
            "folder",
            name=op.f("uq_source_snapshot_source_id_revision_folder"),
        ),
    )
    op.create_table(
        "source_version",
        sa.Column("source_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_version_source_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "name", "version", name=op.f("pk_source_version")),
    )
    op.create_table(
        "project_source",
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("source_id", sa.String(length=26), nullable=False),
        sa.Column("chosen_by", sa.String(length=120), nullable=False),
        sa.Column("chosen_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_source_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_project_source_source_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "source_id", name=op.f("pk_project_source")),
    )
    op.create_table(
        "source_package",
        sa.Column("snapshot_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("content", sa.String(length=64), nullable=True),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("since", stead.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["source_snapshot.id"], name=op.f("fk_source_package_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "name", name=op.f("pk_source_package")),
    )
    # Without a batch: it makes the table anew, which fails where rows of others refer to it.
    for table in ("deployment", "installation"):
        op.add_column(table, sa.Column("source_id", sa.String(length=26), nullable=True))
