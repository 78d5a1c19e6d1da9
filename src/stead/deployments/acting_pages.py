"""Pages of what can be done with a deployment that is there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.errors import Kind, SteadError
from stead.core.http import provided
from stead.deployments import acting as service, resizing, service as deployments
from stead.deployments.acting import Acting
from stead.deployments.errors import InvalidRequestError
from stead.deployments.pages import DeskDep
from stead.deployments.schemas import AcceptedOut, DeploymentOut, ResizeIn
from stead.ui.console import form_texts

TEMPLATES: Final = Path(__file__).parent / "templates" / "acting"
_AMOUNTS: Final = ("cores", "memory_mb", "disk_gb")
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.QUOTA, Kind.UNSUPPORTED})
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


@router.get("/resize")
@action(Action.DEPLOYMENT_OPERATE)
async def show_sizes(deployment_id: str, desk: DeskDep) -> Response:
    found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
    given = {name: str(getattr(found, name) or "") for name in _AMOUNTS}
    return desk.page("acting/resize.html", deployment=found, given=given, error=None)


@router.post("/resize")
@action(Action.DEPLOYMENT_OPERATE)
async def resize(deployment_id: str, desk: DeskDep, acting: ActingDep) -> Response:
    given = await form_texts(desk.request)
    try:
        asked = _asked(given)
        found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
        if asked.model_dump(exclude_none=True).items() <= found.model_dump().items():
            return RedirectResponse(f"/deployments/{deployment_id}", status_code=303)
        async with desk.database.write() as uow:
            return follow(await resizing.resize(uow, desk.actor, acting, deployment_id, asked))
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        found = await found_for(desk, deployment_id, Action.DEPLOYMENT_OPERATE)
        return desk.page(
            "acting/resize.html", status=422, deployment=found, given=given, error=error
        )


def _asked(given: Mapping[str, str]) -> ResizeIn:
    try:
        return ResizeIn.model_validate(
            {name: given[name] for name in _AMOUNTS if given.get(name, "").strip()}
        )
    except ValidationError as error:
        fields = {str(one["loc"][0]): "A whole number within reason" for one in error.errors()}
        raise InvalidRequestError("This is no size", fields=fields) from error


async def found_for(desk: DeskDep, deployment_id: str, asked: Action) -> DeploymentOut:
    """Return a deployment to whoever may do this with it."""
    async with desk.database.read() as uow:
        found = await deployments.get_(uow, desk.actor, desk.deployments, deployment_id)
    authz.require(desk.actor, asked, found.project_id, "deployment")
    return found


def follow(accepted: AcceptedOut) -> Response:
    """Lead to the operation that was queued."""
    return RedirectResponse(f"/operations/{accepted.operation_id}", status_code=303)
