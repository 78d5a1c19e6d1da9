"""agents lanes."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, default in (("changing_limit", "1"), ("quick_limit", "2")):
        column = sa.Column(name, sa.Integer(), server_default=sa.text(default), nullable=False)
        op.add_column("agent", column)
    # What was asked for before has waited for everything else all the time.
    lane = sa.Column(
        "lane", sa.String(length=10), server_default=sa.text("'changing'"), nullable=False
    )
    op.add_column("job", lane)
