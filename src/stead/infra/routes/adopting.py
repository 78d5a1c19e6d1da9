"""Adoption over HTTP: what it would manage, doing it, and taking it back."""

from fastapi import APIRouter

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.infra import adopting
from stead.infra.schemas import AdoptIn, AdoptionOut

router = APIRouter(prefix="/clusters/{cluster_id}/guests/{stranger_id}/adoption")


@router.get("")
@action(Action.PLATFORM_READ)
async def preview_adoption(
    cluster_id: str, stranger_id: str, actor: ActorDep, database: DatabaseDep
) -> AdoptionOut:
    """Tell exactly what adopting a guest would manage, and what would change."""
    async with database.read() as uow:
        return await adopting.preview(uow, actor, cluster_id, stranger_id)


@router.post("")
@action(Action.PLATFORM_MANAGE)
async def adopt_guest(
    cluster_id: str, stranger_id: str, body: AdoptIn, actor: ActorDep, database: DatabaseDep
) -> AdoptionOut:
    """Let a project take over, as it is, a guest that somebody else made."""
    async with database.write() as uow:
        return await adopting.adopt(uow, actor, cluster_id, stranger_id, body.project)


@router.delete("", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def release_guest(
    cluster_id: str, stranger_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """Take an adoption back; the guest stays as it is."""
    async with database.write() as uow:
        await adopting.release(uow, actor, cluster_id, stranger_id)
