"""agents enrolment address: tokens that are good from one address only."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrolment", sa.Column("address", sa.String(length=45), nullable=True))
