"""audit first tables."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The trail only grows. Whoever changes it nevertheless has to remove these first, and the
# hashes tell.
SQLITE = """
create trigger audit_record_{what} before {what} on audit_record
begin select raise(abort, 'the audit trail only grows'); end
"""
POSTGRESQL = (
    """
    create function audit_record_only_grows() returns trigger language plpgsql as
    $$ begin raise exception 'the audit trail only grows'; end $$
    """,
    """
    create trigger audit_record_only_grows before update or delete or truncate on audit_record
    for each statement execute function audit_record_only_grows()
    """,
)


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_record",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", stead.core.db.UtcDateTime(), nullable=False),
        sa.Column("actor_id", sa.String(length=26), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("project_id", sa.String(length=26), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("request_id", sa.String(length=26), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_record")),
    )
    op.create_index("ix_audit_record_at", "audit_record", ["at"])
    op.create_index("ix_audit_record_project_id", "audit_record", ["project_id"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in POSTGRESQL:
            op.execute(statement)
    else:
        for what in ("update", "delete"):
            op.execute(SQLITE.format(what=what))
