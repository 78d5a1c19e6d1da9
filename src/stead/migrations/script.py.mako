"""${message.replace("_", " ")}: SAY HERE WHAT CHANGES."""

import sqlalchemy as sa
from alembic import op

import stead.core.db

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
