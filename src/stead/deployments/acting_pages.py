"""Pages of what can be done with a deployment that is there."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.http import provided
from stead.deployments import acting as service, service as deployments
from stead.deployments.acting import Acting
from stead.deployments.pages import DeskDep
from stead.deployments.schemas import AcceptedOut, DeploymentOut

TEMPLATES: Final = Path(__file__).parent / "templates" / "acting"
router = APIRouter(prefix="/deployments/{deployment_id}")
ActingDep = Annotated[Acting, Depends(provided(Acting))]


@router.post("/start")
@action(Action.DEPLOYMENT_OPERATE)
async def start(deployment_id: str, desk: DeskDep, acting: ActingDep) -> Response:
    async with desk.database.write() as uow:
        return follow(await service.start(uow, desk.actor, acting, deployment_id))


@router.get("/stop")
@action(Action.DEPLOYMENT_OPERATE)
async def confirm_stop(deployment_id: str, desk: DeskDep) -> Response:
    found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
    return desk.page("acting/stop.html", deployment=found)


@router.post("/stop")
@action(Action.DEPLOYMENT_OPERATE)
async def stop(deployment_id: str, desk: DeskDep, acting: ActingDep) -> Response:
    async with desk.database.write() as uow:
        return follow(await service.stop(uow, desk.actor, acting, deployment_id))


@router.get("/restart")
@action(Action.DEPLOYMENT_OPERATE)
async def confirm_restart(deployment_id: str, desk: DeskDep) -> Response:
    found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
    return desk.page("acting/restart.html", deployment=found)


@router.post("/restart")
@action(Action.DEPLOYMENT_OPERATE)
async def restart(deployment_id: str, desk: DeskDep, acting: ActingDep) -> Response:
    async with desk.database.write() as uow:
        return follow(await service.restart(uow, desk.actor, acting, deployment_id))


async def found_for(desk: DeskDep, deployment_id: str, asked: Action) -> DeploymentOut:
    """Return a deployment to whoever may do this with it."""
    async with desk.database.read() as uow:
        found = await deployments.get_(uow, desk.actor, desk.deployments, deployment_id)
    authz.require(desk.actor, asked, found.project_id, "deployment")
    return found


def follow(accepted: AcceptedOut) -> Response:
    """Lead to the operation that was queued."""
    return RedirectResponse(f"/operations/{accepted.operation_id}", status_code=303)
