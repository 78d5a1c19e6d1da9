"""What the last look at a cluster found, held against the claims on its guests."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from stead.core.db import Uow
from stead.infra import repository, service
from stead.infra.models import SightingRow


class Presence(StrEnum):
    """What is known about a guest that we claim."""

    RUNNING = "running"
    STOPPED = "stopped"
    OTHER = "other"
    ABSENT = "absent"
    FOREIGN = "foreign"
    NOT_LOOKED = "not_looked"


_GONE: Final = frozenset({Presence.ABSENT, Presence.FOREIGN})


@dataclass(frozen=True, slots=True)
class UnknownGuest:
    """A guest on the cluster that nobody here claims; it is left alone."""

    name: str
    owner: str
    state: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingGuest:
    """A claimed guest that the cluster does not have, or has under another key."""

    name: str
    owner: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class Drift:
    """Where the cluster and our claims disagree, as of the last look."""

    looked_at: datetime | None
    unknown: tuple[UnknownGuest, ...]
    missing: tuple[MissingGuest, ...]


async def find_drift(uow: Uow) -> Drift:
    """Compare the local cluster with our claims."""
    cluster_id = await service.local_cluster_id(uow)
    cluster = await repository.get_cluster(uow, cluster_id)
    if cluster.looked_at is None:
        return Drift(None, (), ())
    seen = {row.native_name: row for row in await _there(uow, cluster_id)}
    claims = {row.native_name: row for row in await repository.claims(uow, cluster_id)}
    unknown = tuple(
        UnknownGuest(row.native_name, row.owner, row.state, tuple(row.addresses))
        for name, row in seen.items()
        if name not in claims
    )
    missing = tuple(
        MissingGuest(name, claim.owner, presence)
        for name, claim in sorted(claims.items())
        if (presence := _presence(seen.get(name), claim.key)) in _GONE
    )
    return Drift(cluster.looked_at, unknown, missing)


async def find_presence(uow: Uow, owner: str) -> tuple[str, Presence, datetime | None]:
    """Return an owner's guest, whether the last look found it, and when that was."""
    claim = await repository.claim_of(uow, owner)
    if claim is None:
        return "", Presence.ABSENT, None
    cluster = await repository.get_cluster(uow, claim.cluster_id)
    if cluster.looked_at is None:
        return claim.native_name, Presence.NOT_LOOKED, None
    row = next(iter(await _there(uow, claim.cluster_id, [claim.native_name])), None)
    return claim.native_name, _presence(row, claim.key), cluster.looked_at


async def foreign_addresses(uow: Uow, cluster_id: str) -> set[str]:
    """Return addresses in use by guests that nobody here claims, as of the last look."""
    guests = await repository.unclaimed_addresses(uow, cluster_id)
    return {ip for addresses in guests for ip in addresses}


async def _there(
    uow: Uow, cluster_id: str, names: Collection[str] | None = None
) -> list[SightingRow]:
    rows = await repository.sightings(uow, cluster_id, names)
    return [row for row in rows if row.missed == 0 and row.released_at is None]


def _presence(row: SightingRow | None, key: str) -> Presence:
    if row is None:
        return Presence.ABSENT
    if row.key != key:
        return Presence.FOREIGN
    known = {"running": Presence.RUNNING, "stopped": Presence.STOPPED}
    return known.get(row.state, Presence.OTHER)
