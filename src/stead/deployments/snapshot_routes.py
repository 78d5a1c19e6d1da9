"""Snapshots of deployments over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.deployments import snapshots as service
from stead.deployments.acting_routes import located
from stead.deployments.schemas import AcceptedOut, SnapshotIn, SnapshotOut
from stead.deployments.snapshots import Snapshots

router = APIRouter(prefix="/api/v1/deployments/{deployment_id}/snapshots", tags=["deployments"])
SnapshotsDep = Annotated[Snapshots, Depends(provided(Snapshots))]
Listed = Annotated[
    Page, Depends(paged(SnapshotOut, sorts=("created_at", "name"), filters=("name", "state")))
]


@router.get("")
@action(Action.DEPLOYMENT_READ)
async def list_snapshots(
    deployment_id: str, actor: ActorDep, database: DatabaseDep, page: Listed
) -> list[SnapshotOut]:
    async with database.read() as uow:
        return page.of(await service.list_snapshots(uow, actor, deployment_id))


@router.post("", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def take_snapshot(
    deployment_id: str,
    body: SnapshotIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    snapshots: SnapshotsDep,
) -> AcceptedOut:
    """Keep how its disk is now, while the app goes on; follow the operation at ``Location``."""
    async with database.write() as uow:
        accepted = await service.take(uow, actor, snapshots, deployment_id, body)
    return located(response, accepted)


@router.post("/{snapshot_id}/restore", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def restore_snapshot(
    deployment_id: str,
    snapshot_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    snapshots: SnapshotsDep,
) -> AcceptedOut:
    """Put its disk back as it was then; what was written since is lost."""
    async with database.write() as uow:
        accepted = await service.restore(uow, actor, snapshots, deployment_id, snapshot_id)
    return located(response, accepted)


@router.delete("/{snapshot_id}", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def delete_snapshot(
    deployment_id: str,
    snapshot_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    snapshots: SnapshotsDep,
) -> AcceptedOut:
    """Forget it; how the deployment is now does not change."""
    async with database.write() as uow:
        accepted = await service.delete(uow, actor, snapshots, deployment_id, snapshot_id)
    return located(response, accepted)
