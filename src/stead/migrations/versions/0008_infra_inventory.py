"""infra inventory."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = stead.core.db.UtcDateTime
_TEXTS = {
    "cluster": (
        ("state", 16, "new"),
        ("last_error", 500, None),
        ("version", 80, None),
        ("maintenance_reason", 200, None),
        ("maintenance_by", 120, None),
        ("watcher", 120, None),
    ),
    "sighting": (
        ("kind", 16, ""),
        ("node", 120, ""),
        ("mac", 40, ""),
        ("standing", 12, "known"),
        ("reason", 400, ""),
    ),
    # Guests from before: what the next look finds counts as agreed on.
    "claim": (("wanted", 10, ""), ("node", 120, "")),
}
_NUMBERS = {"sighting": ("cores", "memory_mb", "disk_gb", "missed"), "claim": ("missed",)}
_FLAGS = {"cluster": ("simulated", "maintenance")}
_LISTS = {"cluster": ("nodes", "capabilities")}
_TIMES = {
    "cluster": ("state_since", "maintenance_at", "watched_until"),
    "sighting": ("first_seen_at", "last_seen_at", "released_at"),
    "claim": ("wanted_at",),
}


def upgrade() -> None:
    for table in ("cluster", "sighting", "claim"):
        _widen(table)
    with op.batch_alter_table("claim") as batch:
        batch.add_column(sa.Column("agreed", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("sighting") as batch:
        batch.alter_column(
            "native_name", existing_type=sa.String(length=63), type_=sa.String(length=255)
        )
        batch.create_index("ix_sighting_cluster_id_standing", ["cluster_id", "standing"])
    for table in ("sighting", "claim"):
        with op.batch_alter_table(table) as batch:
            for name, size, _ in _TEXTS[table]:
                batch.alter_column(name, existing_type=sa.String(size), server_default=None)
            for name in _NUMBERS[table]:
                batch.alter_column(name, existing_type=sa.Integer(), server_default=None)
    op.create_table(
        "cluster_event",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("cluster_id", sa.String(length=26), nullable=False),
        sa.Column("at", _TIME(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("guest", sa.String(length=255), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_cluster_event_cluster_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster_event")),
    )
    with op.batch_alter_table("cluster_event") as batch:
        batch.create_index("ix_cluster_event_cluster_id_id", ["cluster_id", "id"])


def _widen(table: str) -> None:
    """Add columns with a default for the rows that are there.

    Without the batch: it makes the table anew, which fails where rows of others refer to it.
    """
    for name, size, text in _TEXTS[table]:
        _add(table, name, sa.String(length=size), text)
    for name in _NUMBERS.get(table, ()):
        _add(table, name, sa.Integer(), "0")
    for name in _FLAGS.get(table, ()):
        _add(table, name, sa.Boolean(), "0")
    for name in _LISTS.get(table, ()):
        _add(table, name, sa.JSON(), "[]")
    for name in _TIMES[table]:
        op.add_column(table, sa.Column(name, _TIME(), nullable=True))


def _add(table: str, name: str, kind: sa.types.TypeEngine[Any], default: str | None) -> None:
    missing = default is None
    op.add_column(table, sa.Column(name, kind, nullable=missing, server_default=default))
