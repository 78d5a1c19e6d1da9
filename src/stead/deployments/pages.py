"""Pages of deployments: the list, one of them, and the form that makes another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from stead.catalog.public import reach
from stead.core import authz
from stead.core.authz import Action, Actor, NotFoundError, action
from stead.core.db import Database, Uow
from stead.core.errors import Kind, SteadError
from stead.core.http import ActorDep, DatabaseDep, Provided, provided
from stead.deployments import forms, governance, rules, service, views
from stead.deployments.schemas import DeploymentOut, OutputOut
from stead.deployments.service import Deployments
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.kit.words import say
from stead.operations import public as operations
from stead.ui.console import Console, form_texts
from stead.ui.models import Choice, Link

TEMPLATES: Final = Path(__file__).parent / "templates"
_CORRECTABLE: Final = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.QUOTA})
_OWN: Final = "This server's own: each project has a network of its own"
_SHARED: Final = "Another cluster: its guests share one network, whatever their project"
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page here works with."""

    request: Request
    actor: Actor
    database: Database
    deployments: Deployments
    console: Console

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for whoever asked."""
        return self.console.page(
            self.request, template, viewer=self.actor, status=status, **values
        )


async def _desk(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    deployments: Annotated[Deployments, Depends(provided(Deployments))],
    console: Annotated[Console, Depends(provided(Console))],
) -> Desk:
    return Desk(request, actor, database, deployments, console)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/")
@action(Action.DEPLOYMENT_READ)
async def show_deployments(desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await service.list_(uow, desk.actor, desk.deployments)
        rows = [await _view(uow, desk.actor, row) for row in found]
    return desk.page("deployments/list.html", rows=rows, busy=any(row.busy for row in rows))


@router.get("/catalog/{app}")
@action(Action.DEPLOYMENT_CREATE)
async def show_form(app: str, desk: DeskDep) -> Response:
    package = desk.deployments.catalog.get(app, reach(desk.actor))
    place = await _place(desk)
    async with desk.database.read() as uow:
        existing = await service.list_(uow, desk.actor, desk.deployments)
    given = {
        "name": rules.free_name(app, {row.name for row in existing}),
        "project": place.projects[0].value if place.projects else "",
    }
    refused = governance.refusal(place.allowed, package.manifest)
    return _form_page(desk, forms.filled(package.manifest, place, given, refused), package)


@router.post("/catalog/{app}")
@action(Action.DEPLOYMENT_CREATE)
async def deploy(app: str, desk: DeskDep) -> Response:
    package = desk.deployments.catalog.get(app, reach(desk.actor))
    given = await form_texts(desk.request)
    try:
        wanted = forms.asked(package.manifest, given)
        async with desk.database.write() as uow:
            key = forms.idempotency_key(given)
            accepted = await service.create(uow, desk.actor, desk.deployments, wanted, key)
    except SteadError as error:
        if error.kind not in _CORRECTABLE:
            raise
        form = forms.filled(package.manifest, await _place(desk), given, error)
        return _form_page(desk, form, package, status=422)
    return RedirectResponse(f"/operations/{accepted.operation_id}", status_code=303)


@router.get("/deployments/{deployment_id}")
@action(Action.DEPLOYMENT_READ)
async def show_deployment(deployment_id: str, desk: DeskDep) -> Response:
    return await _show(desk, deployment_id)


@router.post("/deployments/{deployment_id}/reveal")
@action(Action.DEPLOYMENT_REVEAL)
async def reveal(deployment_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        outputs = await service.reveal(uow, desk.actor, desk.deployments, deployment_id)
    return await _show(desk, deployment_id, outputs)


@router.get("/deployments/{deployment_id}/remove")
@action(Action.DEPLOYMENT_REMOVE)
async def confirm_removal(deployment_id: str, desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await service.get_(uow, desk.actor, desk.deployments, deployment_id)
    authz.require(desk.actor, Action.DEPLOYMENT_REMOVE, found.project_id, "deployment")
    return desk.page("deployments/remove.html", deployment=found)


@router.post("/deployments/{deployment_id}/remove")
@action(Action.DEPLOYMENT_REMOVE)
async def remove(deployment_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        accepted = await service.remove(uow, desk.actor, desk.deployments, deployment_id)
    return RedirectResponse(f"/operations/{accepted.operation_id}", status_code=303)


async def find_subject(
    services: Provided, uow: Uow, actor: Actor, deployment_id: str
) -> operations.Subject | None:
    """Describe a deployment to the page of its operation; None when it is gone."""
    try:
        found = await service.get_(uow, actor, services.get(Deployments), deployment_id)
    except NotFoundError:
        return None
    shown = views.view(found, operation_ended=True)
    live = found.state == "live"
    return operations.Subject(
        name=found.name,
        headline=_headline(found),
        page=Link(f"/deployments/{found.id}", say("Connection details")),
        ways=shown.pages if live else (),
        addresses=shown.addresses if live else (),
    )


def _headline(found: DeploymentOut) -> str:
    if found.state == "live":
        return say("%(name)s is live", name=found.name)
    if found.state == "stopped":
        return say("%(name)s is stopped", name=found.name)
    return say("%(name)s is done", name=found.name)


async def _show(
    desk: Desk, deployment_id: str, outputs: list[OutputOut] | None = None
) -> Response:
    async with desk.database.read() as uow:
        found = await service.get_(uow, desk.actor, desk.deployments, deployment_id)
        if outputs is not None:
            found = found.model_copy(update={"outputs": outputs})
        row = await _view(uow, desk.actor, found)
    return desk.page(
        "deployments/show.html",
        row=row,
        deployment=found,
        may_operate=authz.allows(desk.actor, Action.DEPLOYMENT_OPERATE, found.project_id),
        may_change=authz.allows(desk.actor, Action.DEPLOYMENT_CHANGE, found.project_id),
        labels=_labels(desk, found),
        has_icon=_has_icon(desk, found.app),
        revealed=outputs is not None,
    )


def _has_icon(desk: Desk, app: str) -> bool:
    package = desk.deployments.catalog.packages.get(app)
    return package is not None and package.icon is not None


async def _view(uow: Uow, actor: Actor, found: DeploymentOut) -> views.DeploymentView:
    operation = await operations.get_(uow, actor, found.operation_id)
    return views.view(found, operation_ended=operation.ended)


def _labels(desk: Desk, found: DeploymentOut) -> dict[str, str]:
    """Return what the app calls its inputs today; it may have changed since."""
    package = desk.deployments.catalog.packages.get(found.app)
    inputs = package.manifest.inputs if package is not None else []
    return {name: name for name in found.inputs} | {
        one.name: one.label for one in inputs if one.name in found.inputs
    }


def _form_page(
    desk: Desk, form: forms.DeployForm, package: object, *, status: int = 200
) -> Response:
    return desk.page("deployments/form.html", status=status, form=form, package=package)


async def _place(desk: Desk) -> forms.Place:
    """Return where apps are served, and the projects and clusters that one may choose."""
    async with desk.database.read() as uow:
        targets = await service.list_targets(uow, desk.actor)
        mine = await identity.list_projects(uow, desk.actor, mine=True)
        domain = await exposure.apps_domain(uow, desk.deployments.domain)
        allowed = await governance.allowed(uow)
    usable = [one for one in mine if authz.allows(desk.actor, Action.DEPLOYMENT_CREATE, one.id)]
    return forms.Place(
        domain,
        desk.deployments.https_port,
        tuple(Choice(one.name, one.name) for one in usable),
        tuple(
            Choice(one.name, one.name, say(_SHARED) if one.shared else say(_OWN))
            for one in targets
        ),
        allowed,
    )
