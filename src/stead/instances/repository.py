"""All SQL of instances."""

from collections.abc import Collection

from sqlalchemy import delete, func, select

from stead.core.db import Uow, platform_wide
from stead.instances.models import InstanceRow


async def find(uow: Uow, instance_id: str) -> InstanceRow | None:
    return await uow.session.get(InstanceRow, instance_id)


async def find_by_name(uow: Uow, project_id: str, name: str) -> InstanceRow | None:
    row: InstanceRow | None = await uow.session.scalar(
        select(InstanceRow).where(InstanceRow.project_id == project_id, InstanceRow.name == name)
    )
    return row


@platform_wide("a cluster has one size, whoever fills it")
async def sums(uow: Uow, cluster_id: str) -> tuple[int, int, int]:
    """Return the processors, memory and disk that were given out on a cluster."""
    found = await uow.session.execute(
        select(
            func.coalesce(func.sum(InstanceRow.cores), 0),
            func.coalesce(func.sum(InstanceRow.memory_mb), 0),
            func.coalesce(func.sum(InstanceRow.disk_gb), 0),
        ).where(InstanceRow.cluster_id == cluster_id)
    )
    cores, memory_mb, disk_gb = found.one()
    return int(cores), int(memory_mb), int(disk_gb)


async def list_(uow: Uow, project_ids: Collection[str] | None) -> list[InstanceRow]:
    query = select(InstanceRow).order_by(InstanceRow.name, InstanceRow.id)
    if project_ids is not None:
        query = query.where(InstanceRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def delete_(uow: Uow, instance_id: str) -> None:
    await uow.session.execute(delete(InstanceRow).where(InstanceRow.id == instance_id))
