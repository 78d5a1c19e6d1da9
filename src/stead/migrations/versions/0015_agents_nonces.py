"""agents nonces."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_nonce",
        sa.Column("agent_id", sa.String(length=26), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "nonce", name=op.f("pk_agent_nonce")),
    )
    with op.batch_alter_table("agent_nonce") as batch:
        batch.create_index(batch.f("ix_agent_nonce_expires"), ["expires"], unique=False)
