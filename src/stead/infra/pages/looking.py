"""Pages of clusters: the list, one cluster, and what is on it."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.infra import capacity, clusters, connecting, views
from stead.infra.errors import PolicyError
from stead.infra.pages.desk import ConsoleDep, router
from stead.infra.rules import SHOWN, Mode, Place
from stead.infra.schemas import MaintenanceIn, OvercommitIn
from stead.ui.console import form_texts

PAGE: Final = 100
REASON_LENGTH: Final = 200
REFRESH_SECONDS: Final = 5


@router.get("")
@action(Action.PLATFORM_READ)
async def show_clusters(
    request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    async with database.read() as uow:
        found = await clusters.list_(uow, actor)
    return console.page(
        request,
        "infra/list.html",
        viewer=actor,
        rows=[(one, views.state(one)) for one in found],
        manages=authz.decide(actor, Action.PLATFORM_MANAGE).allowed,
        refresh=REFRESH_SECONDS,
    )


@router.get("/{cluster_id}")
@action(Action.PLATFORM_READ)
async def show_cluster(
    cluster_id: str, request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    async with database.read() as uow:
        found = await clusters.get_(uow, actor, cluster_id)
    entered = found.mode is not Mode.EMBEDDED
    manages = authz.decide(actor, Action.PLATFORM_MANAGE).allowed
    return console.page(
        request,
        "infra/show.html",
        viewer=actor,
        cluster=found,
        badge=views.state(found),
        trouble=views.trouble(found),
        findings=[(one, views.severity(one)) for one in found.findings],
        credentials=connecting.credentials(actor, found.engine) if entered else [],
        checks=[(one, views.there(one)) for one in found.checks],
        capabilities=[(one, views.verdict(one)) for one in found.capabilities],
        machines=views.machines(found),
        nodes=[(one, views.node(one)) for one in found.node_facts],
        empties=manages and found.mode is not Mode.READ_ONLY and views.empties(found),
        standings=views.standings(found.guests),
        manages=manages,
        refresh=REFRESH_SECONDS,
    )


@router.get("/{cluster_id}/guests")
@action(Action.PLATFORM_READ)
async def show_guests(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    wanted: Annotated[views.Wanted, Query()],
) -> Response:
    async with database.read() as uow:
        cluster = await clusters.get_(uow, actor, cluster_id)
        found = await clusters.list_guests(
            uow, actor, cluster_id, wanted.standing, Place(wanted.after, PAGE)
        )
    asked = {"class": str(wanted.standing)} if wanted.standing else {}
    following = urlencode(asked | {"after": found.following})
    return console.page(
        request,
        "infra/guests.html",
        viewer=actor,
        cluster=cluster,
        rows=[(one, views.standing(one.standing)) for one in found.items],
        standings=views.standings(found.counts),
        chosen=wanted.standing if wanted.standing in SHOWN else None,
        paged=bool(wanted.after),
        older=f"/clusters/{cluster.id}/guests?{following}" if found.following else "",
        manages=authz.decide(actor, Action.PLATFORM_MANAGE).allowed,
        refresh=REFRESH_SECONDS,
    )


@router.post("/{cluster_id}/maintenance")
@action(Action.PLATFORM_MANAGE)
async def set_maintenance(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    form = await form_texts(request)
    reason = form.get("reason", "").strip()[:REASON_LENGTH]
    asked = MaintenanceIn(on=form.get("on") == "yes", reason=reason)
    async with database.write() as uow:
        found = await clusters.set_maintenance(uow, actor, cluster_id, asked)
    return RedirectResponse(f"/clusters/{found.id}", status_code=303)


@router.post("/{cluster_id}/overcommit")
@action(Action.PLATFORM_MANAGE)
async def set_overcommit(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    """Say how many times of what a cluster has may be given out; empty is no limit."""
    form = await form_texts(request)
    given = {name: form.get(name, "").strip() or None for name in OvercommitIn.model_fields}
    try:
        asked = OvercommitIn.model_validate(given)
    except ValidationError as error:
        raise PolicyError("Each factor is a number above 0, up to 100, or empty") from error
    async with database.write() as uow:
        found = await capacity.set_overcommit(uow, actor, cluster_id, asked)
    return RedirectResponse(f"/clusters/{found.id}", status_code=303)


@router.post("/{cluster_id}/accept")
@action(Action.PLATFORM_MANAGE)
async def accept_guest(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    guest = (await form_texts(request)).get("guest", "")
    async with database.write() as uow:
        await clusters.accept(uow, actor, cluster_id, guest)
        found = await clusters.get_(uow, actor, cluster_id)
    return RedirectResponse(f"/clusters/{found.id}/guests", status_code=303)
