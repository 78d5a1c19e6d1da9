"""Pages of a deployment's snapshots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.errors import Kind, SteadError
from stead.core.http import provided
from stead.deployments import snapshots as service
from stead.deployments.acting_pages import follow, found_for
from stead.deployments.errors import InvalidRequestError
from stead.deployments.pages import DeskDep
from stead.deployments.schemas import SnapshotIn
from stead.deployments.snapshots import Snapshots
from stead.ui.console import form_texts
from stead.ui.models import Badge, Tone

TEMPLATES: Final = Path(__file__).parent / "templates" / "snapshots"
BADGES: Final = {
    "taking": Badge("Being taken", Tone.BUSY, "spin"),
    "ready": Badge("Ready", Tone.GOOD, "check"),
    "deleting": Badge("Being deleted", Tone.BUSY, "spin"),
}
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.QUOTA, Kind.UNSUPPORTED})
router = APIRouter(prefix="/deployments/{deployment_id}/snapshots")
SnapshotsDep = Annotated[Snapshots, Depends(provided(Snapshots))]


@router.get("")
@action(Action.DEPLOYMENT_READ)
async def show_snapshots(deployment_id: str, desk: DeskDep) -> Response:
    return await _page(desk, deployment_id, {})


@router.post("")
@action(Action.DEPLOYMENT_OPERATE)
async def take(deployment_id: str, desk: DeskDep, snapshots: SnapshotsDep) -> Response:
    given = await form_texts(desk.request)
    try:
        asked = _asked(given)
        async with desk.database.write() as uow:
            return follow(await service.take(uow, desk.actor, snapshots, deployment_id, asked))
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _page(desk, deployment_id, given, error)


@router.get("/{snapshot_id}/restore")
@action(Action.DEPLOYMENT_OPERATE)
async def confirm_restore(deployment_id: str, snapshot_id: str, desk: DeskDep) -> Response:
    return await _confirm(desk, "snapshots/restore.html", deployment_id, snapshot_id)


@router.post("/{snapshot_id}/restore")
@action(Action.DEPLOYMENT_OPERATE)
async def restore(
    deployment_id: str, snapshot_id: str, desk: DeskDep, snapshots: SnapshotsDep
) -> Response:
    async with desk.database.write() as uow:
        return follow(
            await service.restore(uow, desk.actor, snapshots, deployment_id, snapshot_id)
        )


@router.get("/{snapshot_id}/delete")
@action(Action.DEPLOYMENT_OPERATE)
async def confirm_delete(deployment_id: str, snapshot_id: str, desk: DeskDep) -> Response:
    return await _confirm(desk, "snapshots/delete.html", deployment_id, snapshot_id)


@router.post("/{snapshot_id}/delete")
@action(Action.DEPLOYMENT_OPERATE)
async def delete(
    deployment_id: str, snapshot_id: str, desk: DeskDep, snapshots: SnapshotsDep
) -> Response:
    async with desk.database.write() as uow:
        return follow(await service.delete(uow, desk.actor, snapshots, deployment_id, snapshot_id))


async def _confirm(desk: DeskDep, template: str, deployment_id: str, snapshot_id: str) -> Response:
    found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
    async with desk.database.read() as uow:
        one = await service.find_snapshot(uow, desk.actor, deployment_id, snapshot_id)
    return desk.page(template, deployment=found, one=one)


async def _page(
    desk: DeskDep,
    deployment_id: str,
    given: Mapping[str, str],
    error: SteadError | None = None,
) -> Response:
    found = await found_for(desk, deployment_id, Action.DEPLOYMENT_READ)
    async with desk.database.read() as uow:
        rows = await service.list_snapshots(uow, desk.actor, deployment_id)
        obstacle = await service.find_obstacle(uow, desk.actor, deployment_id)
    return desk.page(
        "snapshots/list.html",
        status=200 if error is None else 422,
        deployment=found,
        rows=[(one, BADGES[one.state]) for one in rows],
        busy=any(one.state != "ready" for one in rows),
        obstacle=obstacle,
        error=error,
        given=given,
        may_operate=authz.allows(desk.actor, Action.DEPLOYMENT_OPERATE, found.project_id),
    )


def _asked(given: Mapping[str, str]) -> SnapshotIn:
    try:
        return SnapshotIn(name=given.get("name", "").strip(), note=given.get("note", "").strip())
    except ValidationError as error:
        raise InvalidRequestError(
            "The note is too long", fields={"note": "Up to 200 characters"}
        ) from error
