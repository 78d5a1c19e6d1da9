"""Guests that clusters keep ready, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.instances import warm
from stead.instances.schemas import WarmIn, WarmOut
from stead.instances.warm import Filling

router = APIRouter(prefix="/api/v1/clusters/{cluster_id}/warm", tags=["clusters"])
FillingDep = Annotated[Filling, Depends(provided(Filling))]
Sizes = Annotated[Page, Depends(paged(WarmOut, sorts=("size",), filters=("size",), key="size"))]


@router.get("")
@action(Action.PLATFORM_READ)
async def show_warm(
    cluster_id: str, actor: ActorDep, database: DatabaseDep, page: Sizes
) -> list[WarmOut]:
    """Tell how many guests of each size a cluster keeps ready, and how many there are."""
    async with database.read() as uow:
        return page.of(await warm.show(uow, actor, cluster_id))


@router.put("")
@action(Action.PLATFORM_MANAGE)
async def keep_warm(
    cluster_id: str,
    body: WarmIn,
    actor: ActorDep,
    database: DatabaseDep,
    filling: FillingDep,
) -> list[WarmOut]:
    """Keep guests ready that deployments then take; none of any size ends it."""
    async with database.write() as uow:
        return await warm.keep(uow, actor, filling, cluster_id, body)
