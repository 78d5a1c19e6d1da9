"""All SQL of instances."""

from collections.abc import Collection

from sqlalchemy import delete, func, select, update

from stead.core.db import Uow, platform_wide
from stead.instances.models import InstanceRow, WarmGuestRow, WarmPoolRow
from stead.instances.rules import Size


@platform_wide("by its id; whoever asks is checked against the row's project")
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


@platform_wide("by its id; the row was found and checked before")
async def delete_(uow: Uow, instance_id: str) -> None:
    await uow.session.execute(delete(InstanceRow).where(InstanceRow.id == instance_id))


async def warm_pools(uow: Uow) -> list[WarmPoolRow]:
    return list(await uow.session.scalars(select(WarmPoolRow)))


async def set_warm_pool(uow: Uow, cluster_id: str, size: str, wanted: int) -> None:
    await uow.session.merge(WarmPoolRow(cluster_id=cluster_id, size=size, wanted=wanted))


async def warm_guests(uow: Uow, cluster_id: str | None = None) -> list[WarmGuestRow]:
    """Return what is kept ready or is being made so, the oldest first."""
    query = select(WarmGuestRow).order_by(WarmGuestRow.id)
    if cluster_id is not None:
        query = query.where(WarmGuestRow.cluster_id == cluster_id)
    return list(await uow.session.scalars(query))


async def spare_warm_guests(uow: Uow, cluster_id: str, *, made: bool = False) -> list[Size]:
    """Return the sizes of those that nobody took, only of those that are ready if asked for."""
    query = select(WarmGuestRow.size).where(
        WarmGuestRow.cluster_id == cluster_id, WarmGuestRow.taken_by.is_(None)
    )
    found = await uow.session.scalars(query.where(WarmGuestRow.made) if made else query)
    return [Size(size) for size in found]


async def take_warm_guest(uow: Uow, cluster_id: str, size: str, instance_id: str) -> bool:
    """Let an instance have the oldest that is ready; tell whether there was one."""
    oldest = (
        select(WarmGuestRow.id)
        .where(
            WarmGuestRow.cluster_id == cluster_id,
            WarmGuestRow.size == size,
            WarmGuestRow.made,
            WarmGuestRow.taken_by.is_(None),
        )
        .order_by(WarmGuestRow.id)
        .limit(1)
    )
    found = await uow.session.scalar(oldest)
    taken = (
        update(WarmGuestRow)
        .where(WarmGuestRow.id == found, WarmGuestRow.taken_by.is_(None))
        .values(taken_by=instance_id)
        .returning(WarmGuestRow.id)
    )
    return found is not None and await uow.session.scalar(taken) is not None


async def find_warm_guest(uow: Uow, warm_id: str) -> WarmGuestRow | None:
    return await uow.session.get(WarmGuestRow, warm_id)


async def warm_guest_of(uow: Uow, instance_id: str) -> WarmGuestRow | None:
    row: WarmGuestRow | None = await uow.session.scalar(
        select(WarmGuestRow).where(WarmGuestRow.taken_by == instance_id)
    )
    return row


async def delete_warm_guest(uow: Uow, warm_id: str) -> None:
    await uow.session.execute(delete(WarmGuestRow).where(WarmGuestRow.id == warm_id))


async def give_back_warm_guests(uow: Uow, instance_id: str) -> None:
    """Let others have what an instance took and nobody touched."""
    taken = WarmGuestRow.taken_by == instance_id
    await uow.session.execute(update(WarmGuestRow).where(taken).values(taken_by=None))
