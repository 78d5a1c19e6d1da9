"""The part of a cluster's page that lets deployments be put there."""

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.settings import Settings
from stead.engines.values import GuestKind
from stead.infra import hosting
from stead.infra.errors import HostingError
from stead.infra.pages.desk import router
from stead.infra.schemas import HostingIn
from stead.ui.console import form_texts

SettingsDep = Annotated[Settings, Depends(provided(Settings))]


@router.post("/{cluster_id}/hosting")
@action(Action.PLATFORM_MANAGE)
async def set_hosting(
    cluster_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> Response:
    form = await form_texts(request)
    given = {name: form.get(name, "").strip() for name in HostingIn.model_fields}
    # A cluster that makes containers only is not asked what guests are.
    given["kind"] = given["kind"] or GuestKind.CONTAINER
    try:
        asked = HostingIn.model_validate({**given, "nesting": "nesting" in form})
    except ValidationError as error:
        raise HostingError("One of the fields holds what none of them can") from error
    async with database.write() as uow:
        found = await hosting.set_hosting(uow, actor, settings, cluster_id, asked)
    return RedirectResponse(f"/clusters/{found.id}", status_code=303)


@router.post("/{cluster_id}/hosting/end")
@action(Action.PLATFORM_MANAGE)
async def end_hosting(cluster_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.write() as uow:
        await hosting.end_hosting(uow, actor, cluster_id)
    return RedirectResponse(f"/clusters/{cluster_id}", status_code=303)
