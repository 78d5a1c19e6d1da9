"""core platform settings."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "platform_setting",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_set", sa.Boolean(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("changed_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_setting")),
    )
    op.create_table(
        "platform_setting_change",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("was_set", sa.Boolean(), nullable=False),
        sa.Column("old", sa.JSON(), nullable=True),
        sa.Column("is_set", sa.Boolean(), nullable=False),
        sa.Column("new", sa.JSON(), nullable=True),
        sa.Column("at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_platform_setting_change")),
    )
