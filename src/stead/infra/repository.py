"""All SQL of infra."""

from sqlalchemy import delete, select

from stead.core.db import Uow
from stead.infra.models import ClaimRow, ClusterRow


async def find_cluster_by_name(uow: Uow, name: str) -> ClusterRow | None:
    row: ClusterRow | None = await uow.session.scalar(
        select(ClusterRow).where(ClusterRow.name == name)
    )
    return row


async def delete_claims_of(uow: Uow, owner: str) -> None:
    await uow.session.execute(delete(ClaimRow).where(ClaimRow.owner == owner))


async def claims(uow: Uow, cluster_id: str) -> list[ClaimRow]:
    rows = await uow.session.scalars(select(ClaimRow).where(ClaimRow.cluster_id == cluster_id))
    return list(rows)
