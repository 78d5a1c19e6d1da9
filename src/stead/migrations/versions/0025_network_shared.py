"""network shared: networks of clusters that belong to no project."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
_OWN = sa.text("project_id IS NOT NULL")
_SHARED = sa.text("project_id IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("network") as batch:
        batch.alter_column("project_id", existing_type=sa.String(length=26), nullable=True)
        batch.drop_constraint("uq_network_cidr", type_="unique")
    op.create_index(
        "uq_network_cidr_own",
        "network",
        ["cidr"],
        unique=True,
        sqlite_where=_OWN,
        postgresql_where=_OWN,
    )
    op.create_index(
        "uq_network_cluster_id_shared",
        "network",
        ["cluster_id"],
        unique=True,
        sqlite_where=_SHARED,
        postgresql_where=_SHARED,
    )
