"""Use cases of clusters: what people see of them, maintenance, and what the watcher notes.

Everything is read from the database. Only the watcher and workflows ask an engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from stead.core import authz
from stead.core.authz import Action, Actor, NotFoundError
from stead.core.db import Uow
from stead.engines import connections
from stead.engines.capabilities import Capabilities
from stead.engines.values import Health
from stead.infra import inventory, news, repository
from stead.infra.errors import NothingToAcceptError
from stead.infra.models import ClaimRow, ClusterRow, HostingRow, SightingRow, SurveyRow
from stead.infra.news import Item, Kind
from stead.infra.rules import SHOWN, UNHEARD, Mode, Place, Standing
from stead.infra.schemas import (
    AmountOut,
    CapabilityOut,
    CapacityOut,
    CheckOut,
    ClusterDetailOut,
    ClusterOut,
    EventOut,
    FindingOut,
    GuestOut,
    GuestsOut,
    HostingOut,
    MaintenanceIn,
    MaintenanceOut,
    NodeOut,
    OvercommitIn,
    StorageOut,
)
from stead.kit import clock

OK: Final = "ok"
UNWATCHED: Final = "unwatched"
# Watchers look at least each half a minute.
_FRESH: Final = timedelta(seconds=90)
_EVENTS: Final = 20
_ERROR_LENGTH: Final = 500
_AGREEABLE: Final = frozenset({Standing.CHANGED, Standing.MOVED})


async def list_(uow: Uow, actor: Actor) -> list[ClusterOut]:
    """Return every cluster by name."""
    authz.enter(actor, Action.PLATFORM_READ)
    return [await describe(uow, row) for row in await repository.clusters(uow)]


async def get_(uow: Uow, actor: Actor, name_or_id: str) -> ClusterDetailOut:
    """Return all about one cluster, by its name or id."""
    authz.enter(actor, Action.PLATFORM_READ)
    row = await find(uow, name_or_id)
    found = await describe(uow, row)
    survey = await repository.survey(uow, row.id) or SurveyRow(
        nodes=[], storages=[], findings=[], checks=[]
    )
    return ClusterDetailOut(
        **found.model_dump(),
        options=row.options,
        fingerprint=row.fingerprint or "",
        connected_by=row.connected_by or "",
        hosts=row.mode != Mode.EMBEDDED and connections.of(row.engine).hosts,
        hosting=_hosting(await repository.find_hosting(uow, row.id)),
        surveyed_at=survey.at,
        node_facts=[NodeOut(**one) for one in survey.nodes],
        storages=[StorageOut(**one) for one in survey.storages],
        findings=[FindingOut(**one) for one in survey.findings],
        checked_at=survey.checked_at,
        checks=[CheckOut(**one) for one in survey.checks],
        capabilities=[CapabilityOut(**entry) for entry in row.capabilities],
        capacity=await _capacity(uow, row, survey),
        events=[
            EventOut(at=one.at, kind=one.kind, guest=one.guest, text=one.text)
            for one in await repository.events(uow, row.id, _EVENTS)
        ],
    )


async def list_guests(
    uow: Uow, actor: Actor, name_or_id: str, standing: Standing | None, place: Place
) -> GuestsOut:
    """Return a page of guests by name; released ones are nobody's business any more."""
    authz.enter(actor, Action.PLATFORM_READ)
    row = await find(uow, name_or_id)
    asked = replace(place, after=inventory.clean(place.after, 255), limit=place.limit + 1)
    found = await repository.page_of_guests(uow, row.id, standing or "", asked)
    adopted = await repository.adopted_names(uow, row.id)
    items = [
        _guest(row, sighting, claim).model_copy(
            update={"adopted": sighting.native_name in adopted}
        )
        for sighting, claim in found[: place.limit]
    ]
    return GuestsOut(
        items=items,
        following=items[-1].name if len(found) > place.limit else "",
        counts=await _counts(uow, row.id),
    )


async def set_maintenance(
    uow: Uow, actor: Actor, name_or_id: str, asked: MaintenanceIn
) -> ClusterOut:
    """Let a cluster take nothing new, or take it again; twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await find(uow, name_or_id)
    reason = inventory.clean(asked.reason.strip(), 200) if asked.on else ""
    if (row.maintenance, row.maintenance_reason or "") != (asked.on, reason):
        row.maintenance, row.maintenance_reason = asked.on, reason
        row.maintenance_by, row.maintenance_at = actor.name[:120], clock.utc_now()
        verb = "began" if asked.on else "ended"
        because = f": {reason}" if reason else ""
        item = Item(Kind.MAINTENANCE, f"{actor.name} {verb} the maintenance{because}")
        await news.tell(uow, row.id, [item])
    return await describe(uow, row)


async def accept(uow: Uow, actor: Actor, name_or_id: str, guest: str) -> GuestOut:
    """Take a guest that was changed or moved as it is now; nothing is changed on the engine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await find(uow, name_or_id)
    guest = inventory.clean(guest, 255)
    sighting = await repository.find_sighting(uow, row.id, guest)
    claim = await repository.find_claim(uow, row.id, guest)
    if sighting is None or sighting.standing == Standing.RELEASED:
        raise NotFoundError("There is no such guest on this cluster")
    if claim is None or sighting.standing not in _AGREEABLE:
        raise NothingToAcceptError(
            f"{guest} is {sighting.standing}; only what was changed or moved can be accepted"
        )
    if sighting.state in {"running", "stopped"}:
        claim.wanted = sighting.state
    inventory.agree(claim, sighting)
    inventory.judge(sighting, claim)
    item = Item(Kind.ACCEPTED, f"{actor.name} accepted {guest} as it is", guest)
    await news.tell(uow, row.id, [item])
    return _guest(row, sighting, claim)


async def note_answer(
    uow: Uow, cluster_id: str, health: Health, capabilities: Capabilities
) -> None:
    """Write down what a cluster says about itself, and that it answers."""
    row = await repository.get_cluster(uow, cluster_id)
    row.version, row.simulated = inventory.clean(health.version, 80), health.simulated
    row.nodes = [inventory.clean(node, 120) for node in health.nodes]
    row.capabilities = [
        {
            "ability": str(entry.ability),
            "verdict": str(entry.verdict),
            "reason": inventory.clean(entry.reason, 400),
        }
        for entry in capabilities.entries
    ]
    if row.state == OK:
        return
    back = [] if row.state == "new" else [Item(Kind.BACK, "The cluster answers again")]
    row.state, row.state_since = OK, clock.utc_now()
    await news.tell(uow, cluster_id, back)


async def note_failure(uow: Uow, cluster_id: str, state: str, message: str) -> None:
    """Write down why nothing can be heard from a cluster. What is known about guests stays."""
    row = await repository.look_up(uow, cluster_id)
    if row is None:
        return
    error = inventory.clean(message, _ERROR_LENGTH)
    if row.state != state:
        row.state, row.state_since = state, clock.utc_now()
        await news.tell(uow, cluster_id, [Item(Kind.AWAY, f"No look is possible: {error}")])
    row.last_error = error


async def find(uow: Uow, name_or_id: str) -> ClusterRow:
    """Return a cluster by its name or id. Raises NotFound."""
    row = await repository.find_cluster(uow, inventory.clean(name_or_id, 60))
    if row is None:
        raise NotFoundError("There is no such cluster")
    return row


async def describe(uow: Uow, row: ClusterRow) -> ClusterOut:
    """Return what everybody who may look at clusters is shown of one."""
    return ClusterOut(
        id=row.id,
        name=row.name,
        engine=row.engine,
        mode=Mode(row.mode),
        simulated=row.simulated,
        state=_state(row),
        state_since=row.state_since,
        last_error=row.last_error or "",
        looked_at=row.looked_at,
        version=row.version or "",
        nodes=row.nodes,
        maintenance=MaintenanceOut(
            on=row.maintenance,
            reason=row.maintenance_reason or "",
            by=row.maintenance_by or "",
            since=row.maintenance_at,
        ),
        guests=await _counts(uow, row.id),
    )


def _state(row: ClusterRow) -> str:
    """Return the state; whatever it was, it is not known any more once nobody looks."""
    looked = row.looked_at
    if row.state == OK and (looked is None or looked + _FRESH < clock.utc_now()):
        return UNWATCHED
    return row.state


async def _counts(uow: Uow, cluster_id: str) -> dict[Standing, int]:
    found = await repository.counts(uow, cluster_id)
    return {standing: found.get(standing, 0) for standing in SHOWN}


async def physical(uow: Uow, cluster_id: str) -> AmountOut:
    """Return what a cluster has, as of the last survey; 0 for what it does not say."""
    survey = await repository.survey(uow, cluster_id)
    return _has(survey)[0] if survey is not None else AmountOut()


async def _capacity(uow: Uow, row: ClusterRow, survey: SurveyRow) -> CapacityOut:
    sums = await repository.sums(uow, row.id)
    none = (0, 0, 0)
    ours = [sums.get(one, none) for one in SHOWN if one is not Standing.UNKNOWN]
    has, used = _has(survey)
    return CapacityOut(
        ours=_amount(*map(sum, zip(*ours, strict=True))),
        unknown=_amount(*sums.get(Standing.UNKNOWN, none)),
        physical=has,
        used=used,
        policy=OvercommitIn(**row.overcommit),
    )


def _has(survey: SurveyRow) -> tuple[AmountOut, AmountOut]:
    """Return what there is and what is used: nodes that are up, storages that guests are on."""
    up = [one for one in survey.nodes if one["online"]]
    places = {
        (one["name"], "" if one["shared"] else one["node"]): one
        for one in survey.storages
        if one["usable"] and one["needed"]
    }
    disks = list(places.values())
    has = _amount(_sum(up, "cores"), _sum(up, "memory_mb"), _sum(disks, "total_gb"))
    return has, _amount(0, _sum(up, "memory_used_mb"), _sum(disks, "used_gb"))


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _amount(cores: int, memory_mb: int, disk_gb: int) -> AmountOut:
    return AmountOut(cores=cores, memory_mb=memory_mb, disk_gb=disk_gb)


def _guest(cluster: ClusterRow, row: SightingRow, claim: ClaimRow | None) -> GuestOut:
    facts = row.facts or {}
    away = row.missed or row.state == UNHEARD
    return GuestOut(
        name=row.native_name,
        standing=Standing(row.standing),
        reason=row.reason,
        state=row.state,
        kind=row.kind,
        node=row.node,
        addresses=list(dict.fromkeys([*row.addresses, *facts.get("addresses", [])])),
        cores=row.cores,
        memory_mb=row.memory_mb,
        disk_gb=row.disk_gb,
        owner=row.owner,
        claimed_by=claim.owner if claim is not None else "",
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at if away else cluster.looked_at,
        tags=facts.get("tags", []),
        risks=facts.get("marks", []),
        adopted=False,
    )


def _hosting(row: HostingRow | None) -> HostingOut | None:
    if row is None:
        return None
    return HostingOut(**{name: getattr(row, name) for name in HostingOut.model_fields})
