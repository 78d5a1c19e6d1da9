"""All SQL of infra."""

from sqlalchemy import delete, select

from stead.core.db import Uow
from stead.infra.models import ClaimRow, ClusterRow, SightingRow


async def find_cluster_by_name(uow: Uow, name: str) -> ClusterRow | None:
    row: ClusterRow | None = await uow.session.scalar(
        select(ClusterRow).where(ClusterRow.name == name)
    )
    return row


async def get_cluster(uow: Uow, cluster_id: str) -> ClusterRow:
    return await uow.session.get_one(ClusterRow, cluster_id)


async def delete_claims_of(uow: Uow, owner: str) -> None:
    await uow.session.execute(delete(ClaimRow).where(ClaimRow.owner == owner))


async def claims(uow: Uow, cluster_id: str) -> list[ClaimRow]:
    rows = await uow.session.scalars(select(ClaimRow).where(ClaimRow.cluster_id == cluster_id))
    return list(rows)


async def sightings(uow: Uow, cluster_id: str) -> list[SightingRow]:
    rows = await uow.session.scalars(
        select(SightingRow)
        .where(SightingRow.cluster_id == cluster_id)
        .order_by(SightingRow.native_name)
    )
    return list(rows)


async def delete_sightings(uow: Uow, cluster_id: str) -> None:
    await uow.session.execute(delete(SightingRow).where(SightingRow.cluster_id == cluster_id))


async def claim_of(uow: Uow, owner: str) -> ClaimRow | None:
    row: ClaimRow | None = await uow.session.scalar(
        select(ClaimRow).where(ClaimRow.owner == owner).limit(1)
    )
    return row
