"""The page that says what a restore left to decide."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.operations.public import Recoveries
from stead.platform import service
from stead.platform.service import Platform
from stead.ui.console import Console

TEMPLATES: Final = Path(__file__).parent / "templates"
router = APIRouter(prefix="/platform")
ConsoleDep = Annotated[Console, Depends(provided(Console))]
PlatformDep = Annotated[Platform, Depends(provided(Platform))]
RecoveriesDep = Annotated[Recoveries, Depends(provided(Recoveries))]


@router.get("/restore")
@action(Action.PLATFORM_READ)
async def show_restore(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    recoveries: RecoveriesDep,
) -> Response:
    async with database.read() as uow:
        found = await service.find_restore(uow, actor, recoveries)
    return console.page(request, "platform/restore.html", viewer=actor, restore=found)


@router.post("/look")
@action(Action.PLATFORM_MANAGE)
async def look(actor: ActorDep, database: DatabaseDep, platform: PlatformDep) -> Response:
    async with database.write() as uow:
        operation_id = await service.look(uow, actor, platform)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)
