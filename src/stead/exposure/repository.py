"""All SQL of exposure."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, delete, false, or_, select, update

from stead.core.db import Uow, platform_wide
from stead.exposure.models import CertificateRow, EdgeRow, RouteRow, SnapshotRow

_ONLY = 1


async def routes_of(uow: Uow, owner: str) -> list[RouteRow]:
    rows = await uow.session.scalars(
        select(RouteRow).where(RouteRow.owner == owner).order_by(RouteRow.id)
    )
    return list(rows)


async def find_by_host(uow: Uow, host: str) -> RouteRow | None:
    row: RouteRow | None = await uow.session.scalar(
        select(RouteRow).where(RouteRow.http_host == host)
    )
    return row


async def hosts(uow: Uow, beginning: str) -> set[str]:
    query = select(RouteRow.host).where(RouteRow.http_host.startswith(beginning, autoescape=True))
    return set(await uow.session.scalars(query))


async def used_ports(uow: Uow) -> set[int]:
    ports = await uow.session.scalars(select(RouteRow.port).where(RouteRow.port.is_not(None)))
    return {port for port in ports if port is not None}


async def published(uow: Uow) -> list[RouteRow]:
    rows = await uow.session.scalars(
        select(RouteRow).where(RouteRow.state != "reserved").order_by(RouteRow.id)
    )
    return list(rows)


async def set_state(uow: Uow, owner: str, state: str) -> None:
    await uow.session.execute(update(RouteRow).where(RouteRow.owner == owner).values(state=state))


async def delete_routes(uow: Uow, owner: str) -> None:
    await uow.session.execute(delete(RouteRow).where(RouteRow.owner == owner))


async def find_certificate(uow: Uow, host: str) -> CertificateRow | None:
    row: CertificateRow | None = await uow.session.scalar(
        select(CertificateRow).where(CertificateRow.host == host)
    )
    return row


async def certificates(uow: Uow, hosts: set[str]) -> list[CertificateRow]:
    rows = await uow.session.scalars(
        select(CertificateRow).where(CertificateRow.host.in_(hosts)).order_by(CertificateRow.id)
    )
    return list(rows)


@platform_wide("certificates of all owners grow old alike")
async def lives(uow: Uow) -> set[int]:
    return set(await uow.session.scalars(select(CertificateRow.days).distinct()))


@platform_wide("certificates of all owners grow old alike")
async def issued_before(
    uow: Uow, moments: Mapping[int, datetime], limit: int
) -> list[CertificateRow]:
    """Return some that were issued before the moment of those with their length of life."""
    old = (
        and_(CertificateRow.days == days, CertificateRow.issued_at < moment)
        for days, moment in moments.items()
    )
    rows = await uow.session.scalars(
        select(CertificateRow)
        .where(or_(false(), *old))
        .order_by(CertificateRow.issued_at)
        .limit(limit)
    )
    return list(rows)


async def delete_certificate(uow: Uow, certificate_id: str) -> None:
    await uow.session.execute(delete(CertificateRow).where(CertificateRow.id == certificate_id))


async def find_edge_by_token(uow: Uow, token_hash: str) -> EdgeRow | None:
    row: EdgeRow | None = await uow.session.scalar(
        select(EdgeRow).where(EdgeRow.token_hash == token_hash)
    )
    return row


async def find_edge_by_name(uow: Uow, name: str) -> EdgeRow | None:
    row: EdgeRow | None = await uow.session.scalar(select(EdgeRow).where(EdgeRow.name == name))
    return row


async def edges(uow: Uow) -> list[EdgeRow]:
    return list(await uow.session.scalars(select(EdgeRow).order_by(EdgeRow.id)))


async def snapshot_row(uow: Uow) -> SnapshotRow:
    row = await uow.session.get(SnapshotRow, _ONLY)
    if row is None:
        row = SnapshotRow(id=_ONLY, version=0)
        uow.session.add(row)
        await uow.session.flush()
    return row
