"""The page that changes a deployment: other settings, or another version of its app."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from stead.core.authz import Action, action
from stead.core.errors import Kind, SteadError
from stead.deployments import change_forms, changing
from stead.deployments.change_routes import ToolsDep
from stead.deployments.pages import DeskDep
from stead.ui.console import form_texts

TEMPLATES: Final = Path(__file__).parent / "templates" / "change"
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.QUOTA})
router = APIRouter()


@router.get("/deployments/{deployment_id}/change")
@action(Action.DEPLOYMENT_CHANGE)
async def show_change_form(deployment_id: str, desk: DeskDep, version: str = "") -> Response:
    async with desk.database.read() as uow:
        manifest, found = await changing.preview(
            uow, desk.actor, desk.deployments, deployment_id, version or None
        )
    return desk.page("change/form.html", form=change_forms.filled(manifest, found, {}))


@router.post("/deployments/{deployment_id}/change")
@action(Action.DEPLOYMENT_CHANGE)
async def change(deployment_id: str, desk: DeskDep, tools: ToolsDep) -> Response:
    given = await form_texts(desk.request)
    async with desk.database.read() as uow:
        manifest, found = await changing.preview(
            uow, desk.actor, desk.deployments, deployment_id, given.get("version") or None
        )
    try:
        wanted = change_forms.asked(manifest, found, given)
        async with desk.database.write() as uow:
            accepted = await changing.change(uow, desk.actor, tools, deployment_id, wanted)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        form = change_forms.filled(manifest, found, given, error)
        return desk.page("change/form.html", form=form, status=422)
    return RedirectResponse(f"/operations/{accepted.operation_id}", status_code=303)
