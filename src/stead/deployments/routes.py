"""Deployments over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.deployments import service
from stead.deployments.schemas import (
    AcceptedOut,
    DeploymentIn,
    DeploymentOut,
    RevealedOut,
    TargetOut,
)
from stead.deployments.service import Deployments

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])
Listed = Annotated[
    Page,
    Depends(
        paged(
            DeploymentOut,
            sorts=("name", "created_at"),
            filters=("name", "app", "project_id", "state"),
        )
    ),
]
Targets = Annotated[
    Page, Depends(paged(TargetOut, sorts=("name",), filters=("name", "engine"), key="name"))
]
DeploymentsDep = Annotated[Deployments, Depends(provided(Deployments))]


@router.get("")
@action(Action.DEPLOYMENT_READ)
async def list_deployments(
    actor: ActorDep, database: DatabaseDep, deployments: DeploymentsDep, page: Listed
) -> list[DeploymentOut]:
    async with database.read() as uow:
        return page.cut(await service.list_(uow, actor, deployments, page.slice))


@router.post("", status_code=202)
@action(Action.DEPLOYMENT_CREATE)
async def create_deployment(
    body: DeploymentIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    deployments: DeploymentsDep,
) -> AcceptedOut:
    """Reserve everything and start the operation; follow it at ``Location``."""
    async with database.write() as uow:
        accepted = await service.create(uow, actor, deployments, body)
    response.headers["Location"] = f"/api/v1/operations/{accepted.operation_id}"
    return accepted


@router.get("/targets")
@action(Action.DEPLOYMENT_CREATE)
async def list_targets(actor: ActorDep, database: DatabaseDep, page: Targets) -> list[TargetOut]:
    """List the clusters that take deployments, the one that is taken by itself first."""
    async with database.read() as uow:
        return page.of(await service.list_targets(uow, actor))


@router.get("/{deployment_id}")
@action(Action.DEPLOYMENT_READ)
async def get_deployment(
    deployment_id: str, actor: ActorDep, database: DatabaseDep, deployments: DeploymentsDep
) -> DeploymentOut:
    async with database.read() as uow:
        return await service.get_(uow, actor, deployments, deployment_id)


@router.post("/{deployment_id}/reveal")
@action(Action.DEPLOYMENT_REVEAL)
async def reveal_outputs(
    deployment_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    deployments: DeploymentsDep,
) -> list[RevealedOut]:
    """Return the outputs with their secrets."""
    response.headers["Cache-Control"] = "no-store"
    async with database.read() as uow:
        found = await service.reveal(uow, actor, deployments, deployment_id)
    return [RevealedOut(**one.model_dump()) for one in found]


@router.delete("/{deployment_id}", status_code=202)
@action(Action.DEPLOYMENT_REMOVE)
async def remove_deployment(
    deployment_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    deployments: DeploymentsDep,
) -> AcceptedOut:
    """Take everything away again; follow the operation at ``Location``."""
    async with database.write() as uow:
        accepted = await service.remove(uow, actor, deployments, deployment_id)
    response.headers["Location"] = f"/api/v1/operations/{accepted.operation_id}"
    return accepted
