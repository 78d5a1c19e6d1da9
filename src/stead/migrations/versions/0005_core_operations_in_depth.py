"""core operations in depth."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operation_limit",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_operation_limit")),
    )
    op.create_table(
        "operation_holder",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("operation_id", sa.String(length=26), nullable=False),
        sa.PrimaryKeyConstraint("key", "operation_id", name=op.f("pk_operation_holder")),
    )
    with op.batch_alter_table("operation_holder") as batch:
        batch.create_index(batch.f("ix_operation_holder_operation_id"), ["operation_id"])
    op.create_table(
        "operation_schedule",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("last_at", stead.core.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_operation_schedule")),
    )
    with op.batch_alter_table("operation") as batch:
        batch.add_column(sa.Column("cancel_reason", sa.String(length=20), nullable=True))
        batch.add_column(
            sa.Column("keep", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("back_to", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("waits_for", sa.String(length=120), nullable=True))
        batch.add_column(sa.Column("deadline_at", stead.core.db.UtcDateTime(), nullable=True))
    with op.batch_alter_table("operation") as batch:
        for name, kind in (
            ("keep", sa.Boolean()),
            ("priority", sa.Integer()),
            ("round", sa.Integer()),
        ):
            batch.alter_column(name, existing_type=kind, server_default=None)
        batch.create_index("ix_operation_state_priority_id", ["state", "priority", "id"])
