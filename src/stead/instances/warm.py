"""Use cases of guests that are kept ready, so that a deployment need not wait for its copy.

They are claimed like every guest of ours, have never run, and are on nobody's network. A
deployment takes one that fits with its reservation; its flow gives it name, owner and address.
"""

from dataclasses import dataclass
from typing import Final

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.infra import public as infra
from stead.instances import repository, room
from stead.instances.models import WarmGuestRow
from stead.instances.rules import Size
from stead.instances.schemas import WarmIn, WarmOut
from stead.kit import clock, ids

PLATFORM: Final = ""


@dataclass(frozen=True, slots=True)
class Filling:
    """What keeping guests ready needs besides the database."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Warm:
    """A guest that is kept ready."""

    id: str
    cluster_id: str
    size: Size
    image: str
    native_name: str
    made: bool

    @property
    def key(self) -> str:
        """Return the key that it has on the engine until somebody takes it."""
        return self.id


async def show(uow: Uow, actor: Actor, cluster: str) -> list[WarmOut]:
    """Return what a cluster keeps ready, for each size."""
    authz.enter(actor, Action.PLATFORM_READ)
    return await _shown(uow, await infra.known_target(uow, cluster))


async def keep(
    uow: Uow, actor: Actor, filling: Filling, cluster: str, asked: WarmIn
) -> list[WarmOut]:
    """Say how many a cluster keeps ready; none empties it. Deployments keep what they took.

    Raises Full where the cluster's overcommit policy leaves no room for one more of a size.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    target = await infra.known_target(uow, cluster)
    before = {(row.cluster_id, row.size): row.wanted for row in await repository.warm_pools(uow)}
    for size in Size:
        wanted: int = getattr(asked, size)
        if wanted > before.get((target.id, size), 0):
            await room.require(uow, target.id, size)
        await repository.set_warm_pool(uow, target.id, size, wanted)
    await uow.session.flush()
    if await lacking(uow) or await surplus(uow):
        await submit(uow, filling, actor.name)
    return await _shown(uow, target)


async def submit(uow: Uow, filling: Filling, by: str, key: str | None = None) -> str:
    """Ask for what is lacking to be made and for what is too much to be deleted."""
    asked = Submission(
        project_id=PLATFORM,
        subject="platform:warm",
        title="Keep guests ready",
        requested_by=by,
        params={},
        idempotency_key=key,
        request_hash=key,
    )
    return await durable.submit(uow, filling.plan, asked)


async def take(uow: Uow, cluster_id: str, size: Size, instance_id: str) -> bool:
    """Let an instance have one that is ready, if there is one."""
    return await repository.take_warm_guest(uow, cluster_id, size, instance_id)


async def taken_by(uow: Uow, instance_id: str) -> Warm | None:
    """Return what an instance took and did not become yet."""
    row = await repository.warm_guest_of(uow, instance_id)
    return _warm(row) if row is not None else None


async def settle(uow: Uow, warm: Warm, instance_id: str | None) -> None:
    """Forget one that is an instance now, which goes on at its place, or that is gone."""
    await infra.want(uow, warm.id, infra.Wanted.ABSENT)
    await infra.release_claims(uow, warm.id)
    if instance_id is not None:
        await infra.pass_place(uow, warm.id, instance_id)
    await infra.leave_place(uow, warm.id)
    await repository.delete_warm_guest(uow, warm.id)


async def lacking(uow: Uow) -> list[tuple[infra.Target, Size]]:
    """Return what has to be made, each one by one, where something new may be put.

    Where there is no room for one more, the rest waits until there is.
    """
    found = []
    wanted = {(row.cluster_id, row.size): row.wanted for row in await repository.warm_pools(uow)}
    guests = await repository.warm_guests(uow)
    for target in await infra.targets(uow):
        for size in Size:
            there = sum(_counts(row, target.id, size) for row in guests)
            missing = wanted.get((target.id, size), 0) - there
            if missing > 0 and await room.has(uow, target.id, size):
                found += [(target, size)] * missing
    return found


async def unfinished(uow: Uow) -> list[Warm]:
    """Return those that a fill had begun and not finished."""
    return [_warm(row) for row in await repository.warm_guests(uow) if not row.made]


async def surplus(uow: Uow) -> list[Warm]:
    """Return those that are more than is wanted, the newest first to go."""
    left = {
        (row.cluster_id, row.size): row.wanted
        for row in await repository.warm_pools(uow)
        if await infra.takes_deployments(uow, row.cluster_id)
    }
    found = []
    for row in await repository.warm_guests(uow):
        if row.taken_by is not None:
            continue
        left[row.cluster_id, row.size] = left.get((row.cluster_id, row.size), 0) - 1
        if left[row.cluster_id, row.size] < 0:
            found.append(_warm(row))
    return found


async def begin(uow: Uow, target: infra.Target, size: Size, image: str) -> Warm:
    """Put one on record that is about to be made. Raises Full and MaintenanceError."""
    await infra.require_open(uow, target.id)
    await room.require(uow, target.id, size)
    warm_id = ids.new_id()
    row = WarmGuestRow(
        id=warm_id,
        cluster_id=target.id,
        size=size,
        image=image,
        native_name=f"warm-{warm_id[-10:]}",
        made=False,
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await infra.claim(uow, target.id, row.native_name, owner=warm_id, key=warm_id)
    await infra.take_place(uow, target.id, warm_id)
    await uow.session.flush()
    return _warm(row)


async def finish(uow: Uow, warm: Warm) -> None:
    """Let deployments take it from now on."""
    row = await repository.find_warm_guest(uow, warm.id)
    if row is not None:
        row.made = True
    await infra.want(uow, warm.id, infra.Wanted.STOPPED)


async def _shown(uow: Uow, target: infra.Target) -> list[WarmOut]:
    pools = {
        row.size: row.wanted
        for row in await repository.warm_pools(uow)
        if row.cluster_id == target.id
    }
    guests = [row for row in await repository.warm_guests(uow, target.id) if row.taken_by is None]
    return [
        WarmOut(
            size=size,
            wanted=pools.get(size, 0),
            ready=sum(row.made and row.size == size for row in guests),
            coming=sum(not row.made and row.size == size for row in guests),
        )
        for size in Size
    ]


def _counts(row: WarmGuestRow, cluster_id: str, size: Size) -> bool:
    return row.cluster_id == cluster_id and row.size == size and row.taken_by is None


def _warm(row: WarmGuestRow) -> Warm:
    return Warm(row.id, row.cluster_id, Size(row.size), row.image, row.native_name, row.made)
