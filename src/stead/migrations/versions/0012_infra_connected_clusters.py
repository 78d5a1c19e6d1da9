"""infra connected clusters."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = stead.core.db.UtcDateTime


def upgrade() -> None:
    # Without batches: they make a table anew, which fails where rows of others refer to it.
    # What is there already is the engine that the server's settings name.
    _add("cluster", sa.Column("mode", sa.String(12), nullable=False, server_default="embedded"))
    _add("cluster", sa.Column("options", sa.JSON(), nullable=False, server_default="{}"))
    _add("cluster", sa.Column("fingerprint", sa.String(95), nullable=True))
    _add("cluster", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    _add("cluster", sa.Column("connected_by", sa.String(120), nullable=True))
    _add("sighting", sa.Column("facts", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "cluster_survey",
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("at", _TIME(), nullable=True),
        sa.Column("nodes", sa.JSON(), nullable=False),
        sa.Column("storages", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("checked_at", _TIME(), nullable=True),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_cluster_survey_cluster_id")
        ),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("pk_cluster_survey")),
    )


def _add(table: str, column: "sa.Column[object]") -> None:
    op.add_column(table, column)
