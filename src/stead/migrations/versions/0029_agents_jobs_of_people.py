"""agents jobs of people."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_job_requested_by_id", "job", ["requested_by", "id"])
