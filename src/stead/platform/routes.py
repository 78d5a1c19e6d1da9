"""The platform over HTTP: what a restore left to decide."""

from typing import Annotated

from fastapi import APIRouter, Depends

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.operations.public import Recoveries
from stead.platform import service
from stead.platform.schemas import LookOut, RestoreOut
from stead.platform.service import Platform

router = APIRouter(prefix="/api/v1/platform", tags=["platform"])
RecoveriesDep = Annotated[Recoveries, Depends(provided(Recoveries))]
PlatformDep = Annotated[Platform, Depends(provided(Platform))]


@router.get("/restore")
@action(Action.PLATFORM_READ)
async def get_restore(
    actor: ActorDep, database: DatabaseDep, recoveries: RecoveriesDep
) -> RestoreOut:
    async with database.read() as uow:
        return await service.find_restore(uow, actor, recoveries)


@router.post("/look", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def look(actor: ActorDep, database: DatabaseDep, platform: PlatformDep) -> LookOut:
    """Ask the engine which guests there are."""
    async with database.write() as uow:
        return LookOut(operation_id=await service.look(uow, actor, platform))
