"""Changes of deployments over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.deployments import changing
from stead.deployments.changes import Changes
from stead.deployments.routes import DeploymentsDep
from stead.deployments.schemas import AcceptedOut, ChangeIn

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])
ChangesDep = Annotated[Changes, Depends(provided(Changes))]


async def find_tools(deployments: DeploymentsDep, plans: ChangesDep) -> changing.Tools:
    """Return what accepting a change needs."""
    return changing.Tools(deployments, plans)


ToolsDep = Annotated[changing.Tools, Depends(find_tools)]


@router.patch("/{deployment_id}", status_code=202)
@action(Action.DEPLOYMENT_CHANGE)
async def change_deployment(
    deployment_id: str,
    body: ChangeIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ToolsDep,
) -> AcceptedOut:
    """Change inputs or version of what is live; follow the operation at ``Location``."""
    async with database.write() as uow:
        accepted = await changing.change(uow, actor, tools, deployment_id, body)
    response.headers["Location"] = f"/api/v1/operations/{accepted.operation_id}"
    return accepted
