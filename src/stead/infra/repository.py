"""All SQL of infra."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update

from stead.core.db import Uow, platform_wide
from stead.infra.models import (
    AdoptedRow,
    ClaimRow,
    ClusterEventRow,
    ClusterRow,
    HostedRow,
    HostingRow,
    SightingRow,
    SurveyRow,
)
from stead.infra.rules import Place, Standing


async def find_cluster_by_name(uow: Uow, name: str) -> ClusterRow | None:
    row: ClusterRow | None = await uow.session.scalar(
        select(ClusterRow).where(ClusterRow.name == name)
    )
    return row


async def get_cluster(uow: Uow, cluster_id: str) -> ClusterRow:
    return await uow.session.get_one(ClusterRow, cluster_id)


async def look_up(uow: Uow, cluster_id: str) -> ClusterRow | None:
    return await uow.session.get(ClusterRow, cluster_id)


@platform_wide("who looks after clusters sees whose guests are on them")
async def find_adopted(uow: Uow, cluster_id: str, name: str) -> AdoptedRow | None:
    row: AdoptedRow | None = await uow.session.scalar(
        select(AdoptedRow).where(
            AdoptedRow.cluster_id == cluster_id, AdoptedRow.native_name == name
        )
    )
    return row


@platform_wide("who looks after clusters sees whose guests are on them")
async def adopted_names(uow: Uow, cluster_id: str) -> set[str]:
    names = await uow.session.scalars(
        select(AdoptedRow.native_name).where(AdoptedRow.cluster_id == cluster_id)
    )
    return set(names)


async def delete_cluster(uow: Uow, cluster_id: str) -> None:
    """Delete a cluster with all that is known of it and its guests."""
    for table in (AdoptedRow, ClusterEventRow, SightingRow, ClaimRow, SurveyRow, HostingRow):
        await uow.session.execute(delete(table).where(table.cluster_id == cluster_id))
    await uow.session.execute(delete(ClusterRow).where(ClusterRow.id == cluster_id))


async def survey(uow: Uow, cluster_id: str) -> SurveyRow | None:
    return await uow.session.get(SurveyRow, cluster_id)


async def ensure_survey(uow: Uow, cluster_id: str) -> SurveyRow:
    row = await survey(uow, cluster_id)
    if row is None:
        row = SurveyRow(cluster_id=cluster_id, nodes=[], storages=[], findings=[], checks=[])
        uow.session.add(row)
    return row


async def delete_claims_of(uow: Uow, owner: str) -> None:
    await uow.session.execute(delete(ClaimRow).where(ClaimRow.owner == owner))


async def claims(
    uow: Uow, cluster_id: str, names: Collection[str] | None = None
) -> list[ClaimRow]:
    """Return the claims on a cluster's guests, or on those of these names."""
    query = select(ClaimRow).where(ClaimRow.cluster_id == cluster_id)
    if names is not None:
        query = query.where(ClaimRow.native_name.in_(names))
    return list(await uow.session.scalars(query))


async def sightings(
    uow: Uow, cluster_id: str, names: Collection[str] | None = None
) -> list[SightingRow]:
    """Return what is known of a cluster's guests, or of those of these names."""
    query = (
        select(SightingRow)
        .where(SightingRow.cluster_id == cluster_id)
        .order_by(SightingRow.native_name)
    )
    if names is not None:
        query = query.where(SightingRow.native_name.in_(names))
    return list(await uow.session.scalars(query))


async def claim_of(uow: Uow, owner: str) -> ClaimRow | None:
    row: ClaimRow | None = await uow.session.scalar(
        select(ClaimRow).where(ClaimRow.owner == owner).limit(1)
    )
    return row


async def unclaimed_addresses(uow: Uow, cluster_id: str) -> list[list[str]]:
    """Return the addresses of each guest that is there and that nobody here claims."""
    claimed = (
        select(ClaimRow.native_name)
        .where(
            ClaimRow.cluster_id == SightingRow.cluster_id,
            ClaimRow.native_name == SightingRow.native_name,
        )
        .exists()
    )
    query = select(SightingRow.addresses).where(
        SightingRow.cluster_id == cluster_id,
        SightingRow.missed == 0,
        SightingRow.released_at.is_(None),
        ~claimed,
    )
    return list(await uow.session.scalars(query))


async def claims_of(uow: Uow, owner: str) -> list[ClaimRow]:
    return list(await uow.session.scalars(select(ClaimRow).where(ClaimRow.owner == owner)))


async def clusters(uow: Uow) -> list[ClusterRow]:
    return list(await uow.session.scalars(select(ClusterRow).order_by(ClusterRow.name)))


async def find_cluster(uow: Uow, name_or_id: str) -> ClusterRow | None:
    row: ClusterRow | None = await uow.session.scalar(
        select(ClusterRow).where(or_(ClusterRow.id == name_or_id, ClusterRow.name == name_or_id))
    )
    return row


async def find_sighting(uow: Uow, cluster_id: str, name: str) -> SightingRow | None:
    return await uow.session.get(SightingRow, (cluster_id, name))


async def find_claim(uow: Uow, cluster_id: str, name: str) -> ClaimRow | None:
    return await uow.session.get(ClaimRow, (cluster_id, name))


async def counts(uow: Uow, cluster_id: str) -> dict[str, int]:
    rows = await uow.session.execute(
        select(SightingRow.standing, func.count())
        .where(SightingRow.cluster_id == cluster_id)
        .group_by(SightingRow.standing)
    )
    return {row[0]: row[1] for row in rows}


async def sums(uow: Uow, cluster_id: str) -> dict[str, tuple[int, int, int]]:
    """Return processors, memory and disk by standing, of what was there at the last look."""
    rows = await uow.session.execute(
        select(
            SightingRow.standing,
            func.sum(SightingRow.cores),
            func.sum(SightingRow.memory_mb),
            func.sum(SightingRow.disk_gb),
        )
        .where(SightingRow.cluster_id == cluster_id, SightingRow.missed == 0)
        .group_by(SightingRow.standing)
    )
    return {standing: (int(a), int(b), int(c)) for standing, a, b, c in rows}


@platform_wide("a cluster has one size, whoever fills it")
async def adopted_sums(uow: Uow, cluster_id: str) -> tuple[int, int, int]:
    """Return processors, memory and disk of adopted guests, as they were last seen."""
    rows = await uow.session.execute(
        select(
            func.coalesce(func.sum(SightingRow.cores), 0),
            func.coalesce(func.sum(SightingRow.memory_mb), 0),
            func.coalesce(func.sum(SightingRow.disk_gb), 0),
        )
        .join(
            AdoptedRow,
            (AdoptedRow.cluster_id == SightingRow.cluster_id)
            & (AdoptedRow.native_name == SightingRow.native_name),
        )
        .where(SightingRow.cluster_id == cluster_id)
    )
    cores, memory_mb, disk_gb = rows.one()
    return int(cores), int(memory_mb), int(disk_gb)


async def page_of_guests(
    uow: Uow, cluster_id: str, standing: str, place: Place
) -> list[tuple[SightingRow, ClaimRow | None]]:
    query = (
        select(SightingRow, ClaimRow)
        .outerjoin(
            ClaimRow,
            (ClaimRow.cluster_id == SightingRow.cluster_id)
            & (ClaimRow.native_name == SightingRow.native_name),
        )
        .where(
            SightingRow.cluster_id == cluster_id,
            SightingRow.standing != Standing.RELEASED,
        )
        .order_by(SightingRow.native_name.desc() if place.descending else SightingRow.native_name)
        .limit(place.limit)
    )
    if place.after and place.descending:
        query = query.where(SightingRow.native_name < place.after)
    elif place.after:
        query = query.where(SightingRow.native_name > place.after)
    if standing:
        query = query.where(SightingRow.standing == standing)
    return [(row[0], row[1]) for row in await uow.session.execute(query)]


async def events(uow: Uow, cluster_id: str, limit: int) -> list[ClusterEventRow]:
    rows = await uow.session.scalars(
        select(ClusterEventRow)
        .where(ClusterEventRow.cluster_id == cluster_id)
        .order_by(ClusterEventRow.id.desc())
        .limit(limit)
    )
    return list(rows)


async def prune_events(uow: Uow, cluster_id: str, keep: int) -> None:
    oldest = await uow.session.scalar(
        select(ClusterEventRow.id)
        .where(ClusterEventRow.cluster_id == cluster_id)
        .order_by(ClusterEventRow.id.desc())
        .offset(keep)
        .limit(1)
    )
    if oldest is not None:
        await uow.session.execute(
            delete(ClusterEventRow).where(
                ClusterEventRow.cluster_id == cluster_id, ClusterEventRow.id <= oldest
            )
        )


async def hold(uow: Uow, cluster_id: str, watcher: str, now: datetime, until: datetime) -> bool:
    """Become, or stay, a cluster's only watcher; False while another one is."""
    held = await uow.session.execute(
        update(ClusterRow)
        .where(
            ClusterRow.id == cluster_id,
            or_(
                ClusterRow.watcher.is_(None),
                ClusterRow.watcher == watcher,
                ClusterRow.watched_until < now,
            ),
        )
        .values(watcher=watcher, watched_until=until)
        .returning(ClusterRow.id)
    )
    return held.first() is not None


async def find_hosting(uow: Uow, cluster_id: str) -> HostingRow | None:
    return await uow.session.get(HostingRow, cluster_id)


async def hostings(uow: Uow) -> list[HostingRow]:
    return list(await uow.session.scalars(select(HostingRow)))


async def numbers(uow: Uow, cluster_id: str) -> set[int | None]:
    query = select(HostedRow.number).where(HostedRow.cluster_id == cluster_id)
    return set(await uow.session.scalars(query))


async def find_hosted(uow: Uow, owner: str) -> HostedRow | None:
    return await uow.session.get(HostedRow, owner)


async def delete_hosted(uow: Uow, owner: str) -> None:
    await uow.session.execute(delete(HostedRow).where(HostedRow.owner == owner))


async def hosts_any(uow: Uow, cluster_id: str) -> bool:
    """Tell whether guests that projects deployed have places on a cluster."""
    return (
        await uow.session.scalar(
            select(HostedRow.owner).where(HostedRow.cluster_id == cluster_id).limit(1)
        )
        is not None
    )
