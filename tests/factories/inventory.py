"""A cluster on record, and short words for looks at it and claims on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from stead.core.authz import Actor
from stead.core.db import Database
from stead.engines.capabilities import Ability, Capabilities, limited, no, yes
from stead.engines.values import Guest, GuestSize, GuestState, Health
from stead.infra import clusters, public as infra
from stead.infra.inventory import Recorded
from stead.infra.rules import SHOWN, Place, Standing, Wanted
from stead.infra.schemas import ClusterDetailOut, GuestOut
from stead.kit import clock

ADMIN = Actor("u", "Root", admin=True)
# Looks are this long after the last change of ours, so that they count.
LATER = timedelta(minutes=1)


@dataclass
class Records:
    """What is on record about one cluster."""

    database: Database
    cluster_id: str

    async def look(self, *guests: Guest, after: timedelta = LATER, whole: bool = True) -> Recorded:
        """Record a look that began some time from now."""
        look = infra.Look(clock.utc_now() + after, tuple(guests), whole)
        async with self.database.write() as uow:
            return await infra.record(uow, self.cluster_id, look)

    async def claim(self, name: str, wanted: Wanted | None = Wanted.RUNNING) -> None:
        """Claim a guest whose key and owner follow from its name, and leave it like that."""
        async with self.database.write() as uow:
            await infra.claim(uow, self.cluster_id, name, owner=f"of-{name}", key=f"key-{name}")
        if wanted is not None:
            await self.want(name, wanted)

    async def want(self, name: str, wanted: Wanted) -> None:
        """Say how an operation leaves a guest."""
        await infra.leave(self.database, f"of-{name}", wanted)

    async def release(self, name: str) -> None:
        """Drop the claim."""
        async with self.database.write() as uow:
            await infra.release_claims(uow, f"of-{name}")

    async def guests(self) -> dict[str, GuestOut]:
        """Return what is shown, by name."""
        async with self.database.read() as uow:
            found = await clusters.list_guests(uow, ADMIN, "local", None, Place("", 500))
        return {one.name: one for one in found.items}

    async def standings(self) -> dict[str, Standing]:
        """Return what is shown to be what."""
        return {name: one.standing for name, one in (await self.guests()).items()}

    async def cluster(self) -> ClusterDetailOut:
        """Return what is shown of the cluster."""
        async with self.database.read() as uow:
            return await clusters.get_(uow, ADMIN, "local")

    async def news(self) -> list[str]:
        """Return what happened, oldest first."""
        return [one.text for one in reversed((await self.cluster()).events)]

    async def clear(self) -> dict[Standing, int]:
        """Return how many guests are of each class, without those of which there are none."""
        counts = (await self.cluster()).guests
        return {one: counts[one] for one in SHOWN if counts[one]}


def ours(name: str, state: GuestState = GuestState.RUNNING, **more: object) -> Guest:
    """Return a guest of ours as an engine tells of it."""
    values = {"node": "n1", "size": GuestSize(1, 512, 8), "addresses": ("10.90.0.3",)} | more
    return Guest(name, f"key-{name}", f"of-{name}", state, **values)


def others(*names: str) -> Iterable[Guest]:
    """Return guests that somebody else made."""
    return tuple(Guest(name, "", "", GuestState.RUNNING, node="n1") for name in names)


async def make_records(database: Database) -> Records:
    """Return the records of a local cluster that nobody has looked at."""
    async with database.write() as uow:
        cluster_id = await infra.ensure_local_cluster(uow, "incus")
    return Records(database, cluster_id)


async def make_full(records: Records) -> None:
    """Let a cluster have answered, with a guest of each class."""
    names = ("fine", "halted", "gone", "elsewhere")
    for name in names:
        await records.claim(name)
    await records.look(*map(ours, names))
    now = (
        ours("fine"),
        ours("halted", GuestState.STOPPED),
        ours("elsewhere", node="n2"),
        *others("theirs"),
    )
    await records.look(*now)
    await records.look(*now)
    record = Capabilities(
        (yes(Ability.EXEC), no(Ability.VMS, "No KVM here"), limited(Ability.CLONE, "One at once"))
    )
    async with records.database.write() as uow:
        health = Health("6.0.1", ("n1", "n2"), "Incus")
        await clusters.note_answer(uow, records.cluster_id, health, record)
