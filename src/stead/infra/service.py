"""Use cases of infra: the local cluster, and claims on its guests."""

from typing import Final

from stead.core.authz import NotFoundError
from stead.core.db import Database, Uow
from stead.infra import news, repository
from stead.infra.errors import EngineChangedError, MaintenanceError
from stead.infra.models import ClaimRow, ClusterRow, SightingRow
from stead.infra.rules import Standing, Wanted
from stead.kit import clock, ids

LOCAL: Final = "local"


async def ensure_local_cluster(uow: Uow, engine: str) -> str:
    """Record the engine of this machine unless it is known; return the cluster's id.

    Raises EngineChanged when another one is recorded: to it every guest of the first one would
    be absent, and so deleted without ever having been touched.
    """
    row = await repository.find_cluster_by_name(uow, LOCAL)
    if row is None:
        row = ClusterRow(id=ids.new_id(), name=LOCAL, engine=engine, created_at=clock.utc_now())
        uow.session.add(row)
        await uow.session.flush()
    if row.engine != engine:
        raise EngineChangedError(
            f"This data folder belongs to the engine {row.engine}, and the settings say {engine}",
            hint=f"Set engine.kind to {row.engine}, or use another server.data_dir",
        )
    return row.id


async def local_cluster_id(uow: Uow) -> str:
    row = await repository.find_cluster_by_name(uow, LOCAL)
    if row is None:
        raise NotFoundError("No engine is connected yet", hint="Run: stead admin init")
    return row.id


async def claim(uow: Uow, cluster_id: str, native_name: str, *, owner: str, key: str) -> None:
    """Write down that a guest of this name is, or will be, ours.

    Until ``want`` says how it was left, an operation has it in hand and nothing about it is
    taken for a change from outside.
    """
    now = clock.utc_now()
    uow.session.add(
        ClaimRow(
            cluster_id=cluster_id,
            native_name=native_name,
            owner=owner,
            key=key,
            created_at=now,
            wanted=Wanted.ANY,
            wanted_at=now,
            node="",
            missed=0,
        )
    )
    uow.wake(news.claims_topic(cluster_id))


async def want(uow: Uow, owner: str, wanted: Wanted) -> None:
    """Write down how an operation leaves an owner's guests, or that it takes them in hand.

    To be called before and after everything that changes a guest; the next look takes the
    guest as it then is for what was agreed on. An owner without claims is fine.
    """
    for row in await repository.claims_of(uow, owner):
        row.wanted, row.wanted_at = wanted, clock.utc_now()
        row.agreed, row.missed = None, 0
        uow.wake(news.claims_topic(row.cluster_id))
        sighting = await repository.find_sighting(uow, row.cluster_id, row.native_name)
        if sighting is not None and sighting.key == row.key:
            sighting.standing, sighting.reason = Standing.KNOWN, ""


async def leave(database: Database, owner: str, wanted: Wanted) -> None:
    """Do what ``want`` does, in a transaction of its own; for steps between calls of an engine."""
    async with database.write() as uow:
        await want(uow, owner, wanted)


async def release_claims(uow: Uow, owner: str) -> None:
    """Forget the claims of an owner; none is fine.

    A guest that we deleted leaves the inventory at once, though the engine may go on telling of
    it for a moment. Any other one stays on the cluster, as a guest that nobody knows.
    """
    for row in await repository.claims_of(uow, owner):
        await _let_go(uow, row)
        uow.wake(news.claims_topic(row.cluster_id))
    await repository.delete_claims_of(uow, owner)


async def require_open(uow: Uow, cluster_id: str) -> None:
    """Pass, or raise MaintenanceError while nothing new may be put on a cluster."""
    row = await repository.get_cluster(uow, cluster_id)
    if row.maintenance:
        because = f": {row.maintenance_reason}" if row.maintenance_reason else ""
        raise MaintenanceError(
            f"The cluster {row.name} is in maintenance and takes nothing new{because}",
            hint="What runs there goes on. Try again when the maintenance is over",
        )


async def _let_go(uow: Uow, claim: ClaimRow) -> None:
    sighting = await repository.find_sighting(uow, claim.cluster_id, claim.native_name)
    ours = claim.wanted == Wanted.ABSENT
    if sighting is not None and sighting.missed == 0 and not ours:
        sighting.standing, sighting.reason = Standing.UNKNOWN, ""
        return
    if sighting is None and not ours:
        return
    if sighting is None:
        sighting = SightingRow(
            cluster_id=claim.cluster_id,
            native_name=claim.native_name,
            key=claim.key,
            owner=claim.owner,
            state="absent",
            addresses=[],
        )
        uow.session.add(sighting)
    sighting.standing, sighting.reason = Standing.RELEASED, ""
    sighting.released_at = clock.utc_now()
