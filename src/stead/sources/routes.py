"""Sources over HTTP: for platform admins, and for projects that choose among them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from stead.core.authz import Action, action
from stead.core.blobs import Blobs
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.sources import choosing, deciding, service
from stead.sources.schemas import (
    AddedOut,
    ChoiceOut,
    DecisionIn,
    ProposalOut,
    RefreshOut,
    SourceDetailOut,
    SourceIn,
    SourceOut,
)
from stead.sources.service import Sources

router = APIRouter(prefix="/api/v1", tags=["sources"])
SourcesDep = Annotated[Sources, Depends(provided(Sources))]
BlobsDep = Annotated[Blobs, Depends(provided(Blobs))]
Listed = Annotated[
    Page, Depends(paged(SourceOut, sorts=("name", "checked_at"), filters=("name", "kind")))
]
Choices = Annotated[Page, Depends(paged(ChoiceOut, sorts=("name",), filters=("name", "used")))]


@router.get("/sources")
@action(Action.PLATFORM_READ)
async def list_sources(
    actor: ActorDep, database: DatabaseDep, sources: SourcesDep, page: Listed
) -> list[SourceOut]:
    """List where packages come from: this server's folders, and repositories."""
    async with database.read() as uow:
        return page.of(await service.list_(uow, actor, sources))


@router.post("/sources", status_code=201)
@action(Action.PLATFORM_MANAGE)
async def add_source(
    body: SourceIn, actor: ActorDep, database: DatabaseDep, sources: SourcesDep
) -> AddedOut:
    """Add a repository and look at it. Nothing of it is offered before it was accepted."""
    async with database.write() as uow:
        return await service.add(uow, actor, sources, body)


@router.post("/sources/refresh", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def refresh_sources(
    actor: ActorDep, database: DatabaseDep, sources: SourcesDep
) -> RefreshOut:
    """Read this server's folders anew, and look for news in every repository."""
    async with database.write() as uow:
        operation_id = await service.refresh_all(uow, actor, sources)
    return RefreshOut(operation_id=operation_id)


@router.get("/sources/{source_id}")
@action(Action.PLATFORM_READ)
async def get_source(
    source_id: str, actor: ActorDep, database: DatabaseDep, sources: SourcesDep
) -> SourceDetailOut:
    """Return a source with its packages, what is wrong with them, and what uses it."""
    async with database.read() as uow:
        return await service.get_(uow, actor, sources, source_id)


@router.post("/sources/{source_id}/refresh", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def refresh_source(
    source_id: str, actor: ActorDep, database: DatabaseDep, sources: SourcesDep
) -> RefreshOut:
    """Look what its branch holds now."""
    async with database.write() as uow:
        operation_id = await service.refresh(uow, actor, sources, source_id)
    return RefreshOut(operation_id=operation_id)


@router.get("/sources/{source_id}/proposal")
@action(Action.PLATFORM_READ)
async def get_proposal(
    source_id: str, actor: ActorDep, database: DatabaseDep, blobs: BlobsDep
) -> ProposalOut:
    """Return how what it proposes differs from what is accepted, file by file."""
    async with database.read() as uow:
        return await deciding.get_proposal(uow, actor, blobs, source_id)


@router.post("/sources/{source_id}/accept", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def accept(source_id: str, body: DecisionIn, actor: ActorDep, database: DatabaseDep) -> None:
    """Offer what this commit holds; one that was accepted before is gone back to."""
    async with database.write() as uow:
        await deciding.accept(uow, actor, source_id, body.revision)


@router.post("/sources/{source_id}/refuse", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def refuse(source_id: str, body: DecisionIn, actor: ActorDep, database: DatabaseDep) -> None:
    """Leave things as they are; this commit is not proposed again."""
    async with database.write() as uow:
        await deciding.refuse(uow, actor, source_id, body.revision)


@router.delete("/sources/{source_id}", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def remove_source(
    source_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    sources: SourcesDep,
    *,
    forget: Annotated[bool, Query()] = False,
) -> None:
    """Offer its packages no more; with ``forget`` even while something uses them."""
    async with database.write() as uow:
        await service.remove(uow, actor, sources, source_id, forget=forget)


@router.get("/projects/{project_id}/sources")
@action(Action.PROJECT_READ)
async def list_choices(
    project_id: str, actor: ActorDep, database: DatabaseDep, page: Choices
) -> list[ChoiceOut]:
    """List the sources that the project can use, and those that it does."""
    async with database.read() as uow:
        return page.of(await choosing.list_choices(uow, actor, project_id))


@router.put("/projects/{project_id}/sources/{source_id}", status_code=204)
@action(Action.PROJECT_UPDATE)
async def use_source(
    project_id: str, source_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """Offer the source's packages in the project."""
    async with database.write() as uow:
        await choosing.use(uow, actor, project_id, source_id)


@router.delete("/projects/{project_id}/sources/{source_id}", status_code=204)
@action(Action.PROJECT_UPDATE)
async def leave_source(
    project_id: str, source_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """Offer them no more; what was installed stays."""
    async with database.write() as uow:
        await choosing.leave(uow, actor, project_id, source_id)
