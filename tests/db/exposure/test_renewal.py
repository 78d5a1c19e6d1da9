"""Certificates are replaced before they end, and what is served follows."""

from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

from sqlalchemy import update
from tests.factories.durable import ended, working
from tests.factories.platform import RANGE, Platform

from stead.core import pki
from stead.core.durable import schedule
from stead.edge.snapshot import Snapshot
from stead.exposure import service, workflows
from stead.exposure.models import CertificateRow
from stead.exposure.service import RouteRequest
from stead.kit import clock
from stead.operations import repository
from stead.operations.schemas import Wanted

OLD, YOUNG = "old.apps.stead.localhost", "young.apps.stead.localhost"


async def snapshot(platform: Platform) -> Snapshot:
    async with platform.database.read() as uow:
        return await service.build_snapshot(uow, platform.vault)


async def test_only_what_is_old_is_replaced_and_served_anew(platform: Platform, tmp_path: Path):
    pki.ensure_root(tmp_path, "stead.localhost", RANGE)
    authority = pki.load(tmp_path)
    async with platform.database.write() as uow:
        for host in (OLD, YOUNG):
            request = RouteRequest("web", "http", host, IPv4Address("10.90.0.9"), 80)
            await service.reserve(uow, host[:20], [request], range(0))
            await service.publish(uow, platform.vault, authority, host[:20])
        age = service.RENEWED_AFTER + timedelta(hours=1)
        await uow.session.execute(
            update(CertificateRow)
            .where(CertificateRow.host == OLD)
            .values(issued_at=clock.utc_now() - age)
        )
    before = await snapshot(platform)
    plan = workflows.renew_plan(platform.database, platform.vault, authority)
    nightly = workflows.renew_schedule(plan)
    now = clock.utc_now()
    await schedule.submit_due(platform.database, nightly, now)
    assert await schedule.submit_due(platform.database, nightly, now + timedelta(days=1))
    async with working(platform.database, plan):
        async with platform.database.read() as uow:
            (row,) = await repository.list_(uow, None, Wanted())
        assert (await ended(platform.database, row.id)).state == "succeeded"
    after = await snapshot(platform)
    assert after.version == before.version + 1
    kept = {one.host: one.certificate for one in before.http}
    served = {one.host: one.certificate for one in after.http}
    assert served[YOUNG] == kept[YOUNG]
    assert served[OLD] != kept[OLD]
    chains = {one.id: (one.chain, one.key) for one in (*before.certificates, *after.certificates)}
    assert chains[served[OLD]] != chains[kept[OLD]]
    async with platform.database.write() as uow:
        assert await service.renew(uow, platform.vault, authority, 5) == 0, "again changes nothing"
