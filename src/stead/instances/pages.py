"""The page of the guests that a cluster keeps ready."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.infra import public as infra
from stead.instances import warm
from stead.instances.errors import WarmError
from stead.instances.rules import SHAPES
from stead.instances.schemas import WarmIn
from stead.instances.warm import Filling
from stead.ui.console import Console, form_texts

TEMPLATES: Final = Path(__file__).parent / "templates"
router = APIRouter(prefix="/clusters/{cluster_id}/warm")
ConsoleDep = Annotated[Console, Depends(provided(Console))]
FillingDep = Annotated[Filling, Depends(provided(Filling))]


@router.get("")
@action(Action.PLATFORM_READ)
async def show_warm(
    cluster_id: str, request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    async with database.read() as uow:
        found = await warm.show(uow, actor, cluster_id)
        name = (await infra.known_target(uow, cluster_id)).name
    return console.page(
        request,
        "instances/warm.html",
        viewer=actor,
        cluster_id=cluster_id,
        name=name,
        rows=[(one, SHAPES[one.size]) for one in found],
        manages=authz.decide(actor, Action.PLATFORM_MANAGE).allowed,
    )


@router.post("")
@action(Action.PLATFORM_MANAGE)
async def keep_warm(
    cluster_id: str, request: Request, actor: ActorDep, database: DatabaseDep, filling: FillingDep
) -> Response:
    form = await form_texts(request)
    given = {name: form.get(name, "").strip() or "0" for name in WarmIn.model_fields}
    try:
        asked = WarmIn.model_validate(given)
    except ValidationError as error:
        raise WarmError("Each number is a whole one, from 0 to 50") from error
    async with database.write() as uow:
        await warm.keep(uow, actor, filling, cluster_id, asked)
    return RedirectResponse(f"/clusters/{cluster_id}/warm", status_code=303)
