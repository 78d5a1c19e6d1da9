"""Pages of sources: where packages come from, what is proposed, what a project uses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, Actor, ForbiddenError, NotFoundError, action
from stead.core.blobs import Blobs
from stead.core.db import Database, Uow
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep, Provided, provided
from stead.identity import public as identity
from stead.kit.words import say
from stead.operations import public as operations
from stead.sources import choosing, deciding, service
from stead.sources.errors import SourceAddressError
from stead.sources.schemas import SourceDetailOut, SourceIn
from stead.sources.service import Sources
from stead.ui.console import Console, form_texts
from stead.ui.models import Link

TEMPLATES: Final = Path(__file__).parent / "templates"
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT})
_LISTS: Final = ("signers", "host_keys")
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page here works with."""

    request: Request
    actor: Actor
    database: Database
    sources: Sources
    blobs: Blobs
    console: Console

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for whoever asked."""
        return self.console.page(
            self.request, template, viewer=self.actor, status=status, **values
        )


def _desk(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    sources: Annotated[Sources, Depends(provided(Sources))],
    blobs: Annotated[Blobs, Depends(provided(Blobs))],
    console: Annotated[Console, Depends(provided(Console))],
) -> Desk:
    return Desk(request, actor, database, sources, blobs, console)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/sources")
@action(Action.PLATFORM_READ)
async def show_sources(desk: DeskDep) -> Response:
    return await _list(desk, {})


@router.post("/sources")
@action(Action.PLATFORM_MANAGE)
async def add_source(desk: DeskDep) -> Response:
    form = await form_texts(desk.request)
    try:
        asked = _asked(form)
        async with desk.database.write() as uow:
            made = await service.add(uow, desk.actor, desk.sources, asked)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _list(desk, form, error)
    return _to(f"/sources/{made.source.id}")


@router.post("/sources/refresh")
@action(Action.PLATFORM_MANAGE)
async def refresh_sources(desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        operation_id = await service.refresh_all(uow, desk.actor, desk.sources)
    return _to(f"/operations/{operation_id}" if operation_id else "/sources")


@router.get("/sources/{source_id}")
@action(Action.PLATFORM_READ)
async def show_source(source_id: str, desk: DeskDep) -> Response:
    return await _show(desk, source_id)


@router.post("/sources/{source_id}/refresh")
@action(Action.PLATFORM_MANAGE)
async def refresh_source(source_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        operation_id = await service.refresh(uow, desk.actor, desk.sources, source_id)
    return _to(f"/operations/{operation_id}")


@router.get("/sources/{source_id}/proposal")
@action(Action.PLATFORM_READ)
async def show_proposal(source_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        source = await service.get_(uow, desk.actor, desk.sources, source_id)
        if source.proposed is None:
            return _to(f"/sources/{source_id}")
        proposal = await deciding.get_proposal(uow, desk.actor, desk.blobs, source_id)
    return desk.page("sources/proposal.html", source=source, proposal=proposal)


@router.post("/sources/{source_id}/accept")
@action(Action.PLATFORM_MANAGE)
async def accept(source_id: str, desk: DeskDep) -> Response:
    commit = (await form_texts(desk.request)).get("revision", "")
    async with desk.database.write() as uow:
        await deciding.accept(uow, desk.actor, source_id, commit)
    return _to(f"/sources/{source_id}")


@router.post("/sources/{source_id}/refuse")
@action(Action.PLATFORM_MANAGE)
async def refuse(source_id: str, desk: DeskDep) -> Response:
    commit = (await form_texts(desk.request)).get("revision", "")
    async with desk.database.write() as uow:
        await deciding.refuse(uow, desk.actor, source_id, commit)
    return _to(f"/sources/{source_id}")


@router.post("/sources/{source_id}/remove")
@action(Action.PLATFORM_MANAGE)
async def remove_source(source_id: str, desk: DeskDep) -> Response:
    forget = (await form_texts(desk.request)).get("forget") == "true"
    try:
        async with desk.database.write() as uow:
            await service.remove(uow, desk.actor, desk.sources, source_id, forget=forget)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _show(desk, source_id, error)
    return _to("/sources")


@router.get("/projects/{project_id}/sources")
@action(Action.PROJECT_READ)
async def show_choices(project_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        choices = await choosing.list_choices(uow, desk.actor, project_id)
        name = await identity.find_project_name(uow, project_id)
    return desk.page(
        "sources/choices.html",
        choices=choices,
        project={"id": project_id, "name": name},
        may=authz.allows(desk.actor, Action.PROJECT_UPDATE, project_id),
    )


@router.post("/projects/{project_id}/sources/{source_id}/use")
@action(Action.PROJECT_UPDATE)
async def use_source(project_id: str, source_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await choosing.use(uow, desk.actor, project_id, source_id)
    return _to(f"/projects/{project_id}/sources")


@router.post("/projects/{project_id}/sources/{source_id}/leave")
@action(Action.PROJECT_UPDATE)
async def leave_source(project_id: str, source_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await choosing.leave(uow, desk.actor, project_id, source_id)
    return _to(f"/projects/{project_id}/sources")


def _to(place: str) -> Response:
    return RedirectResponse(place, status_code=303)


def _asked(form: dict[str, str]) -> SourceIn:
    given: dict[str, object] = {
        **form,
        **{name: form.get(name, "").splitlines() for name in _LISTS},
    }
    given["ref"] = form.get("ref") or "main"
    try:
        return SourceIn.model_validate(
            {name: value for name, value in given.items() if name in SourceIn.model_fields}
        )
    except ValidationError as error:
        fields = {str(one["loc"][0]): one["msg"] for one in error.errors()}
        if "name" in fields:
            fields["name"] = "Small letters, digits and hyphens, and begin with a letter"
        raise SourceAddressError("The source cannot be like this", fields=fields) from error


async def _list(desk: Desk, form: dict[str, str], error: SteadError | None = None) -> Response:
    async with desk.database.read() as uow:
        found = await service.list_(uow, desk.actor, desk.sources)
    return desk.page(
        "sources/list.html",
        status=200 if error is None else HTTP_STATUS[error.kind],
        sources=found,
        # What is secret is typed anew: it is not sent back to a browser.
        form={name: text for name, text in form.items() if name != "token"},
        error=error,
        manages=desk.actor.admin,
    )


async def _show(desk: Desk, source_id: str, error: SteadError | None = None) -> Response:
    async with desk.database.read() as uow:
        source = await service.get_(uow, desk.actor, desk.sources, source_id)
        names = {one: await identity.find_project_name(uow, one) for one in _projects(source)}
    return desk.page(
        "sources/show.html",
        status=200 if error is None else HTTP_STATUS[error.kind],
        source=source,
        names=names,
        error=error,
        manages=desk.actor.admin,
    )


def _projects(source: SourceDetailOut) -> set[str]:
    return {*source.projects, *(one.project_id for one in source.uses)}


async def find_subject(
    services: Provided, uow: Uow, actor: Actor, source_id: str
) -> operations.Subject | None:
    """Describe a source to the page of its operation; None when it is gone or not theirs."""
    try:
        found = await service.get_(uow, actor, services.get(Sources), source_id)
    except (NotFoundError, ForbiddenError):
        return None
    page = Link(f"/sources/{source_id}", say("Look at the source"))
    told = say("%(name)s was looked at", name=found.name)
    return operations.Subject(found.name, told, page)
