"""The page of an adoption: what would be managed, and into which project."""

from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.identity import public as identity
from stead.infra import adopting, clusters
from stead.infra.pages.desk import ConsoleDep, router
from stead.ui.console import form_texts


@router.get("/{cluster_id}/adopt")
@action(Action.PLATFORM_MANAGE)
async def show_adoption(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    guest: Annotated[str, Query(max_length=255)] = "",
) -> Response:
    """Show what adopting a guest would manage."""
    async with database.read() as uow:
        cluster = await clusters.get_(uow, actor, cluster_id)
        found = await adopting.preview(uow, actor, cluster_id, guest)
        projects = [one.name for one in await identity.list_projects(uow, actor)]
    return console.page(
        request,
        "infra/adopt.html",
        viewer=actor,
        cluster=cluster,
        found=found,
        projects=projects,
    )


@router.post("/{cluster_id}/adopt")
@action(Action.PLATFORM_MANAGE)
async def adopt(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    """Adopt a guest."""
    form = await form_texts(request)
    if guest := form.get("guest", ""):
        async with database.write() as uow:
            await adopting.adopt(uow, actor, cluster_id, guest, form.get("project", ""))
    return RedirectResponse(f"/clusters/{cluster_id}/guests", status_code=303)


@router.post("/{cluster_id}/release")
@action(Action.PLATFORM_MANAGE)
async def release(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    """Take an adoption back."""
    if guest := (await form_texts(request)).get("guest", ""):
        async with database.write() as uow:
            await adopting.release(uow, actor, cluster_id, guest)
    return RedirectResponse(f"/clusters/{cluster_id}/guests", status_code=303)
