"""Pages of bundles: those in use, one of them, and the form that deploys another."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import JsonValue, ValidationError

from stead.bundles import service, views
from stead.bundles.errors import InvalidBundleError
from stead.bundles.schemas import BundleIn, MemberOut
from stead.bundles.service import BundleWorks
from stead.catalog import public as catalog
from stead.core import authz
from stead.core.authz import Action, Actor, NotFoundError, action
from stead.core.db import Database, Uow
from stead.core.errors import Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep, Provided, provided
from stead.identity import public as identity
from stead.kit.words import say
from stead.operations import public as operations
from stead.ui.console import Console, form_texts
from stead.ui.models import Choice, Link

TEMPLATES: Final = Path(__file__).parent / "templates"
REFRESH_SECONDS: Final = 3
PREFIX: Final = "input."
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.QUOTA})
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page here works with."""

    request: Request
    actor: Actor
    database: Database
    works: BundleWorks
    console: Console

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for whoever asked."""
        return self.console.page(
            self.request, template, viewer=self.actor, status=status, **values
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What the form asks about one member."""

    name: str
    app: str
    fields: list[catalog.Field]
    wired: list[str]


@dataclass(frozen=True, slots=True)
class Form:
    """Everything that the form shows."""

    name: str
    project: str
    projects: tuple[Choice, ...]
    parts: list[Part]
    error: SteadError | None = None
    problems: dict[str, str] = field(default_factory=dict)


def _desk(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    works: Annotated[BundleWorks, Depends(provided(BundleWorks))],
    console: Annotated[Console, Depends(provided(Console))],
) -> Desk:
    return Desk(request, actor, database, works, console)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/bundles")
@action(Action.DEPLOYMENT_READ)
async def show_bundles(desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await service.list_(uow, desk.actor)
    return desk.page(
        "bundles/list.html",
        rows=[(one, views.state(one.state)) for one in found],
        offered=[views.offered(one) for one in desk.works.catalog.known.values()],
        broken=desk.works.catalog.broken,
        explain=desk.actor.admin,
        refresh=REFRESH_SECONDS if any(one.state in views.BUSY for one in found) else 0,
    )


@router.get("/bundle-catalog/{bundle}")
@action(Action.DEPLOYMENT_CREATE)
async def show_form(bundle: str, desk: DeskDep) -> Response:
    return await _form(desk, desk.works.catalog.get(bundle), {})


@router.post("/bundle-catalog/{bundle}")
@action(Action.DEPLOYMENT_CREATE)
async def deploy(bundle: str, desk: DeskDep) -> Response:
    loaded = desk.works.catalog.get(bundle)
    given = await form_texts(desk.request)
    try:
        asked = _asked(loaded, given)
        async with desk.database.write() as uow:
            key = f"web:{given['key']}"[:80] if given.get("key") else None
            begun = await service.create(uow, desk.actor, desk.works, asked, key)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        return await _form(desk, loaded, given, error)
    return RedirectResponse(f"/bundles/{begun.bundle_id}", status_code=303)


@router.get("/bundles/{bundle_id}")
@action(Action.DEPLOYMENT_READ)
async def show_bundle(bundle_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await service.get_(uow, desk.actor, bundle_id)
        operation = await operations.get_(uow, desk.actor, found.operation_id)
    busy = found.state in views.BUSY and not operation.ended
    may = authz.allows(desk.actor, Action.DEPLOYMENT_REMOVE, found.project_id)
    return desk.page(
        "bundles/show.html",
        one=found,
        badge=views.state(found.state),
        rows=[(each, views.state(each.state)) for each in found.members],
        can_remove=may and not busy,
        refresh=REFRESH_SECONDS if busy else 0,
    )


@router.post("/bundles/{bundle_id}/remove")
@action(Action.DEPLOYMENT_REMOVE)
async def remove(bundle_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        begun = await service.remove(uow, desk.actor, desk.works, bundle_id)
    return RedirectResponse(f"/operations/{begun.operation_id}", status_code=303)


async def find_subject(
    _services: Provided, uow: Uow, actor: Actor, bundle_id: str
) -> operations.Subject | None:
    """Describe a bundle to the page of its operation; None when it is gone."""
    try:
        found = await service.get_(uow, actor, bundle_id)
    except NotFoundError:
        return None
    live = found.state == "live"
    told = say("%(name)s is live", name=found.name)
    return operations.Subject(
        name=found.name,
        headline=told if live else say("%(name)s is done", name=found.name),
        page=Link(f"/bundles/{found.id}", say("Its members")),
        ways=tuple(_page_of(one) for one in found.members if live and one.deployment_id),
        addresses=(),
    )


def _page_of(member: MemberOut) -> Link:
    return Link(f"/deployments/{member.deployment_id}", member.deployment_name)


async def _form(
    desk: Desk,
    loaded: catalog.LoadedBundle,
    given: dict[str, str],
    error: SteadError | None = None,
) -> Response:
    async with desk.database.read() as uow:
        mine = await identity.list_projects(uow, desk.actor, mine=True)
    usable = [one for one in mine if authz.allows(desk.actor, Action.DEPLOYMENT_CREATE, one.id)]
    problems = dict(error.fields) if error is not None else {}
    parts = [_part(loaded, name, given, problems) for name in loaded.order]
    shown = {f"{part.name}.{one.name}" for part in parts for one in part.fields} | {"name"}
    form = Form(
        name=given.get("name", ""),
        project=given.get("project", ""),
        projects=tuple(Choice(one.name, one.name) for one in usable),
        parts=parts,
        error=error,
        problems={name: text for name, text in problems.items() if name not in shown},
    )
    return desk.page(
        "bundles/form.html",
        status=422 if error is not None else 200,
        bundle=loaded.bundle,
        form=form,
        key=given.get("key") or service.new_key(),
        name_problem=problems.get("name"),
    )


def _part(
    loaded: catalog.LoadedBundle, name: str, given: dict[str, str], problems: dict[str, str]
) -> Part:
    member = next(one for one in loaded.bundle.members if one.name == name)
    start = f"{PREFIX}{name}."
    answers = {
        key.removeprefix(start): value for key, value in given.items() if key.startswith(start)
    }
    own = {
        key.removeprefix(f"{name}."): text
        for key, text in problems.items()
        if key.startswith(f"{name}.")
    }
    return Part(
        name,
        loaded.packages[name].manifest.name,
        catalog.fields(loaded.asks(member), answers, own),
        [f"{key} from {source}" for key, source in member.wiring.items()],
    )


def _asked(loaded: catalog.LoadedBundle, given: dict[str, str]) -> BundleIn:
    """Return the request that a form means. Raises InvalidBundleError."""
    answers: dict[str, dict[str, JsonValue]] = {}
    for key, value in given.items():
        member, _, name = key.removeprefix(PREFIX).partition(".")
        if key.startswith(PREFIX) and value:
            answers.setdefault(member, {})[name] = value.replace("\r\n", "\n")
    try:
        return BundleIn.model_validate(
            {
                "bundle": loaded.bundle.id,
                "name": given.get("name", "").strip() or None,
                "project": given.get("project") or None,
                "inputs": answers,
            }
        )
    except ValidationError as error:
        raise InvalidBundleError("The form has something that cannot be right") from error
