"""Use cases of the platform: what a restore left to decide, and a fresh look at the cluster."""

from dataclasses import dataclass
from typing import Final

from stead.core import authz, durable, epoch
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.deployments import public as deployments
from stead.infra import public as infra
from stead.operations import public as operations
from stead.platform.schemas import MissingOut, RestoreOut, UnknownOut

SUBJECT: Final = "platform:guests"
NOBODY: Final = ""
_ITSELF: Final = "Stead"


@dataclass(frozen=True, slots=True)
class Platform:
    """What the platform's own operations need besides the database."""

    look_plan: Plan


async def find_restore(uow: Uow, actor: Actor, recoveries: operations.Recoveries) -> RestoreOut:
    """Return what is left to decide and to look at since the last restore."""
    authz.enter(actor, Action.PLATFORM_READ)
    # Looking must not write: this unit of work is one for reading.
    row = await epoch.find(uow) or epoch.new()
    drift = await infra.find_drift(uow)
    missing = []
    for guest in drift.missing:
        found = await deployments.find_by_instance(uow, guest.owner)
        missing.append(
            MissingOut(
                guest=guest.name,
                presence=guest.presence,
                deployment_id=found.id if found is not None else None,
                deployment=found.name if found is not None else None,
            )
        )
    return RestoreOut(
        epoch=row.epoch,
        began_at=row.began_at,
        copy_name=row.copy,
        copied_at=row.copied_at,
        decisions=await operations.list_decisions(uow, recoveries),
        looked_at=drift.looked_at,
        unknown=[
            UnknownOut(guest=g.name, state=g.state, addresses=list(g.addresses), owner=g.owner)
            for g in drift.unknown
        ],
        missing=missing,
    )


async def look(uow: Uow, actor: Actor, platform: Platform) -> str:
    """Queue a look at the cluster; return its operation."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    return await durable.submit(uow, platform.look_plan, _submission(actor.name))


async def look_after_restore(uow: Uow, platform: Platform) -> None:
    """Queue the first look of an epoch that a restore began; again is fine."""
    row = await epoch.ensure(uow)
    if row.copy is None:
        return
    key = f"look:{row.epoch}"
    if await durable.find_repeat(uow, NOBODY, key, key) is None:
        await durable.submit(uow, platform.look_plan, _submission(_ITSELF, key))


def _submission(by: str, key: str | None = None) -> Submission:
    return Submission(
        project_id=NOBODY,
        subject=SUBJECT,
        title="Look which guests there are",
        requested_by=by,
        idempotency_key=key,
        request_hash=key,
    )
