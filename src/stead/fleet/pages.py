"""Pages of the fleet: the list of agents, and how a server joins."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.errors import Kind, SteadError
from stead.core.http import provided
from stead.core.vault import Vault
from stead.fleet import bulk, figures, history_pages, servers, service, views, work_pages
from stead.fleet.desk import Desk, DeskDep, show_machine
from stead.fleet.schemas import EnrolmentOut, MachineOut, ServerIn
from stead.identity import public as identity
from stead.ui.console import form_texts

TEMPLATES: Final = Path(__file__).parent / "templates"
REFRESH_SECONDS: Final = 5
NAME_LENGTH: Final = 40
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.UNSUPPORTED})
router = APIRouter()
router.include_router(work_pages.router)
router.include_router(history_pages.router)


@router.get("/agents")
@action(Action.AGENT_READ)
async def show_agents(desk: DeskDep) -> Response:
    return await _list(desk)


@router.get("/figures")
@action(Action.PLATFORM_READ)
async def show_figures(desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await figures.tell(uow)
    return desk.page("fleet/figures.html", found=found, refresh=REFRESH_SECONDS)


@router.get("/agents/{machine_id}")
@action(Action.AGENT_READ)
async def show_agent(machine_id: str, desk: DeskDep) -> Response:
    return await show_machine(desk, machine_id)


@router.post("/servers")
@action(Action.SERVER_MANAGE)
async def add_server(desk: DeskDep) -> Response:
    form = await form_texts(desk.request)
    name = form.get("name", "").strip()[:NAME_LENGTH]
    asked = ServerIn(name=name, project=form.get("project", "")[:NAME_LENGTH] or None)
    try:
        async with desk.database.write() as uow:
            made = await servers.add(uow, desk.actor, desk.settings, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _list(desk, error, name)
    return _joining(desk, made)


@router.post("/servers/{server_id}/token")
@action(Action.SERVER_MANAGE)
async def renew_token(server_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        made = await servers.renew(uow, desk.actor, desk.settings, server_id)
    return _joining(desk, made)


@router.post("/servers/{server_id}/remove")
@action(Action.SERVER_MANAGE)
async def remove_server(
    server_id: str, desk: DeskDep, vault: Annotated[Vault, Depends(provided(Vault))]
) -> Response:
    async with desk.database.write() as uow:
        await servers.remove(uow, desk.actor, vault, server_id)
    return RedirectResponse("/agents", status_code=303)


def _joining(desk: Desk, made: EnrolmentOut) -> Response:
    answer = desk.page("fleet/joining.html", made=made)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _updatable(desk: Desk, found: list[MachineOut]) -> dict[str, list[MachineOut]]:
    """Return the machines whose agent somebody may update, by project."""
    chosen: dict[str, list[MachineOut]] = {}
    for one in found:
        if one.outdated and authz.allows(desk.actor, Action.JOB_ADMINISTER, one.project_id):
            chosen.setdefault(one.project, []).append(one)
    return chosen


async def _list(desk: Desk, error: SteadError | None = None, name: str = "") -> Response:
    async with desk.database.read() as uow:
        found = await service.list_(uow, desk.actor)
        waves = await bulk.list_(uow, desk.actor)
        mine = await identity.list_projects(uow, desk.actor, mine=True)
    return desk.page(
        "fleet/list.html",
        status=200 if error is None else 422,
        rows=[(one, views.health(one)) for one in found],
        outdated=views.OUTDATED,
        updatable=_updatable(desk, found),
        waves=[(one, views.bulk(one)) for one in waves if not views.has_ended(one)],
        stale=sum(one.health == "stale" for one in found),
        projects=[
            one.name for one in mine if authz.allows(desk.actor, Action.SERVER_MANAGE, one.id)
        ],
        error=error,
        name=name,
        refresh=REFRESH_SECONDS,
    )
