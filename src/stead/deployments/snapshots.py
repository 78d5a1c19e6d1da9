"""Use cases of snapshots: keep how a deployment's disk is, return to it, forget it.

A snapshot belongs to the version and the settings that were installed when it was taken:
what is on record has to say what is in the container.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan
from stead.deployments import acting, repository
from stead.deployments.acting import Wish
from stead.deployments.errors import InvalidRequestError, NotInPlaceError, UnsupportedHereError
from stead.deployments.models import DeploymentRow, SnapshotRow
from stead.deployments.rules import DeploymentState, SnapshotState, snapshot_owner
from stead.deployments.schemas import AcceptedOut, SnapshotIn, SnapshotOut
from stead.engines.capabilities import Ability
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances
from stead.kit import clock, ids
from stead.kit.text import is_name

_NAME: Final = "Up to 40 lower-case letters, digits and hyphens, beginning with a letter"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The plans of snapshots."""

    take_plan: Plan
    restore_plan: Plan
    delete_plan: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return all of them, for the worker."""
        return self.take_plan, self.restore_plan, self.delete_plan


async def list_snapshots(uow: Uow, actor: Actor, deployment_id: str) -> list[SnapshotOut]:
    """Return a deployment's snapshots, oldest first."""
    row = await repository.find(uow, deployment_id)
    if row is None:
        raise authz.NotFoundError("There is no such deployment, or it is not yours")
    authz.require(actor, Action.DEPLOYMENT_READ, row.project_id, "deployment")
    return [_out(one) for one in await repository.snapshots_of(uow, deployment_id)]


async def find_obstacle(uow: Uow, actor: Actor, deployment_id: str) -> str:
    """Return why a deployment's cluster takes no snapshots, or nothing."""
    row = await repository.find(uow, deployment_id)
    if row is None:
        return ""
    authz.require(actor, Action.DEPLOYMENT_READ, row.project_id, "deployment")
    instance = await instances.find(uow, row.instance_id)
    if instance is None:
        return ""
    return await infra.why_not(uow, instance.cluster_id, Ability.SNAPSHOTS)


async def take(
    uow: Uow, actor: Actor, snapshots: Snapshots, deployment_id: str, asked: SnapshotIn
) -> AcceptedOut:
    """Queue a snapshot; it takes its place in the project's limit now."""
    row = await acting.get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    if not is_name(asked.name):
        raise InvalidRequestError("The name does not fit", fields={"name": _NAME})
    if reason := await find_obstacle(uow, actor, deployment_id):
        raise UnsupportedHereError(f"No snapshot can be taken of {row.name}: {reason}")
    if any(one.name == asked.name for one in await repository.snapshots_of(uow, row.id)):
        raise InvalidRequestError(
            f"{row.name} has a snapshot {asked.name}", fields={"name": "This name is taken"}
        )
    snapshot_id = ids.new_id()
    await identity.reserve(
        uow, snapshot_owner(snapshot_id), row.project_id, {identity.Resource.SNAPSHOTS: 1}
    )
    uow.session.add(
        SnapshotRow(
            id=snapshot_id,
            deployment_id=row.id,
            name=asked.name,
            note=asked.note,
            state=SnapshotState.TAKING,
            package_version=row.package_version,
            contents=contents(row),
            created_by=actor.name,
            created_at=clock.utc_now(),
        )
    )
    wish = Wish(snapshots.take_plan, f"Take the snapshot {asked.name} of {row.name}")
    return await acting.begin(uow, actor, row, wish, snapshot_id=snapshot_id)


async def restore(
    uow: Uow, actor: Actor, snapshots: Snapshots, deployment_id: str, snapshot_id: str
) -> AcceptedOut:
    """Queue the return to a snapshot; what was written since is lost."""
    row = await acting.get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    snapshot = await _find(uow, row, snapshot_id)
    if snapshot.state != SnapshotState.READY:
        raise NotInPlaceError(
            f"{snapshot.name} is not ready", hint="Look at its operation, or delete it"
        )
    if snapshot.contents != contents(row):
        raise NotInPlaceError(
            f"{snapshot.name} is of {row.name} with other settings or another version"
            f" ({snapshot.package_version})",
            hint="Change the deployment back to those first",
        )
    title = f"Return {row.name} to the snapshot {snapshot.name}"
    wish = Wish(snapshots.restore_plan, title, DeploymentState.RESTORING)
    return await acting.begin(uow, actor, row, wish, snapshot_id=snapshot_id)


async def delete(
    uow: Uow, actor: Actor, snapshots: Snapshots, deployment_id: str, snapshot_id: str
) -> AcceptedOut:
    """Queue that a snapshot is forgotten."""
    row = await acting.get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    snapshot = await _find(uow, row, snapshot_id)
    wish = Wish(snapshots.delete_plan, f"Delete the snapshot {snapshot.name} of {row.name}")
    accepted = await acting.begin(uow, actor, row, wish, snapshot_id=snapshot_id)
    snapshot.state = SnapshotState.DELETING
    return accepted


async def find_snapshot(
    uow: Uow, actor: Actor, deployment_id: str, snapshot_id: str
) -> SnapshotOut:
    """Return a snapshot that can be returned to. Raises NotFoundError."""
    found = await list_snapshots(uow, actor, deployment_id)
    one = next((one for one in found if one.id == snapshot_id), None)
    if one is None:
        raise authz.NotFoundError("There is no such snapshot, or it is not yours")
    return one


async def settle(uow: Uow, snapshot_id: str) -> None:
    """Let a snapshot be one that can be returned to."""
    row = await repository.find_snapshot(uow, snapshot_id)
    if row is not None:
        row.state = SnapshotState.READY


async def drop(uow: Uow, snapshot_id: str) -> None:
    """Forget a snapshot that the engine does not have; its place is free; twice is fine."""
    await identity.release(uow, snapshot_owner(snapshot_id))
    await repository.delete_snapshot(uow, snapshot_id)


async def drop_all(uow: Uow, deployment_id: str) -> None:
    """Forget all of them, as they went with their container."""
    for row in await repository.snapshots_of(uow, deployment_id):
        await drop(uow, row.id)


def contents(row: DeploymentRow) -> str:
    """Return what tells one version with its settings from another."""
    text = json.dumps([row.package_digest, row.inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


async def _find(uow: Uow, row: DeploymentRow, snapshot_id: str) -> SnapshotRow:
    found = await repository.find_snapshot(uow, snapshot_id)
    if found is None or found.deployment_id != row.id:
        raise authz.NotFoundError("There is no such snapshot, or it is not yours")
    return found


def _out(row: SnapshotRow) -> SnapshotOut:
    return SnapshotOut(
        id=row.id,
        name=row.name,
        note=row.note,
        state=row.state,
        version=row.package_version,
        created_by=row.created_by,
        created_at=row.created_at,
    )
