"""What can be done with a deployment that is there, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.deployments import acting as service, resizing
from stead.deployments.acting import Acting
from stead.deployments.schemas import AcceptedOut, ResizeIn

router = APIRouter(prefix="/api/v1/deployments/{deployment_id}", tags=["deployments"])
ActingDep = Annotated[Acting, Depends(provided(Acting))]


@router.post("/start", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def start_deployment(
    deployment_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    acting: ActingDep,
) -> AcceptedOut:
    """Start its container and publish its routes; follow the operation at ``Location``."""
    async with database.write() as uow:
        return located(response, await service.start(uow, actor, acting, deployment_id))


@router.post("/stop", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def stop_deployment(
    deployment_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    acting: ActingDep,
) -> AcceptedOut:
    """Stop its container until somebody starts it; follow the operation at ``Location``."""
    async with database.write() as uow:
        return located(response, await service.stop(uow, actor, acting, deployment_id))


@router.post("/restart", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def restart_deployment(
    deployment_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    acting: ActingDep,
) -> AcceptedOut:
    """Stop its container and start it again; follow the operation at ``Location``."""
    async with database.write() as uow:
        return located(response, await service.restart(uow, actor, acting, deployment_id))


@router.post("/resize", status_code=202)
@action(Action.DEPLOYMENT_OPERATE)
async def resize_deployment(
    deployment_id: str,
    body: ResizeIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    acting: ActingDep,
) -> AcceptedOut:
    """Give its container more or less, while it runs; follow the operation at ``Location``."""
    async with database.write() as uow:
        return located(response, await resizing.resize(uow, actor, acting, deployment_id, body))


def located(response: Response, accepted: AcceptedOut) -> AcceptedOut:
    """Say where the operation is."""
    response.headers["Location"] = f"/api/v1/operations/{accepted.operation_id}"
    return accepted
