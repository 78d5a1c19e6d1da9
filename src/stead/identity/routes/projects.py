"""Projects: make, rename, archive, bring back, limit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from stead.core.authz import Action, Actor, action
from stead.core.db import Uow
from stead.core.http import ActorDep, DatabaseDep
from stead.core.paging import Page, paged
from stead.identity import limits, projects
from stead.identity.rules import Resource
from stead.identity.schemas import (
    LimitsIn,
    ProjectDetailOut,
    ProjectMadeIn,
    ProjectOut,
    RenameIn,
    UseOut,
)

router = APIRouter(prefix="/projects")
Projects = Annotated[
    Page,
    Depends(
        paged(ProjectOut, sorts=("name", "created_at"), filters=("name", "organisation", "role"))
    ),
]


@router.get("")
@action(Action.PROJECT_READ)
async def list_projects(
    actor: ActorDep,
    database: DatabaseDep,
    page: Projects,
    archived: Annotated[bool, Query()] = False,
) -> list[ProjectOut]:
    """List the projects that the caller may see."""
    async with database.read() as uow:
        found = await projects.list_projects(uow, actor, archived=archived)
    return page.of([ProjectOut.model_validate(one) for one in found])


@router.post("", status_code=201)
@action(Action.PROJECT_CREATE)
async def create_project(
    body: ProjectMadeIn, actor: ActorDep, database: DatabaseDep
) -> ProjectOut:
    """Make a project; the caller becomes its owner."""
    async with database.write() as uow:
        made = await projects.create_project(uow, actor, body.name, body.organisation)
    return ProjectOut.model_validate(made)


@router.get("/{project_id}")
@action(Action.PROJECT_READ)
async def get_project(project_id: str, actor: ActorDep, database: DatabaseDep) -> ProjectDetailOut:
    async with database.read() as uow:
        return await _detail(uow, actor, project_id)


@router.patch("/{project_id}")
@action(Action.PROJECT_UPDATE)
async def rename_project(
    project_id: str, body: RenameIn, actor: ActorDep, database: DatabaseDep
) -> ProjectOut:
    async with database.write() as uow:
        renamed = await projects.rename_project(uow, actor, project_id, body.name)
    return ProjectOut.model_validate(renamed)


@router.post("/{project_id}/archive")
@action(Action.PROJECT_ARCHIVE)
async def archive_project(
    project_id: str, actor: ActorDep, database: DatabaseDep
) -> ProjectDetailOut:
    """Close a project that holds nothing any more."""
    async with database.write() as uow:
        await projects.archive_project(uow, actor, project_id)
        return await _detail(uow, actor, project_id)


@router.post("/{project_id}/restore")
@action(Action.PROJECT_ARCHIVE)
async def restore_project(
    project_id: str, actor: ActorDep, database: DatabaseDep
) -> ProjectDetailOut:
    """Open an archived project again."""
    async with database.write() as uow:
        await projects.restore_project(uow, actor, project_id)
        return await _detail(uow, actor, project_id)


@router.patch("/{project_id}/limits")
@action(Action.LIMIT_SET)
async def set_limits(
    project_id: str, body: LimitsIn, actor: ActorDep, database: DatabaseDep
) -> list[UseOut]:
    """Change limits; what is left out stays, null takes one away."""
    given = body.model_dump(exclude_unset=True)
    async with database.write() as uow:
        wanted = {Resource(name): amount for name, amount in given.items()}
        use = await limits.set_limits(uow, actor, project_id, wanted)
    return [UseOut.model_validate(one) for one in use]


async def _detail(uow: Uow, actor: Actor, project_id: str) -> ProjectDetailOut:
    found = await projects.get_project(uow, actor, project_id)
    use = await limits.list_use(uow, actor, project_id)
    return ProjectDetailOut(
        **ProjectOut.model_validate(found).model_dump(),
        use=[UseOut.model_validate(one) for one in use],
    )
