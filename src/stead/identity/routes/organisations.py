"""Organisations, which hold projects together."""

from typing import Annotated

from fastapi import APIRouter, Depends

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.core.paging import Page, paged
from stead.identity import projects
from stead.identity.schemas import OrganisationOut, RenameIn

router = APIRouter(prefix="/organisations")
Organisations = Annotated[
    Page,
    Depends(paged(OrganisationOut, sorts=("name", "created_at"), filters=("name", "archived"))),
]


@router.get("")
@action(Action.ORGANISATION_READ)
async def list_organisations(
    actor: ActorDep, database: DatabaseDep, page: Organisations
) -> list[OrganisationOut]:
    async with database.read() as uow:
        found = await projects.list_organisations(uow, actor)
    return page.of([OrganisationOut.model_validate(one) for one in found])


@router.post("", status_code=201)
@action(Action.ORGANISATION_MANAGE)
async def create_organisation(
    body: RenameIn, actor: ActorDep, database: DatabaseDep
) -> OrganisationOut:
    async with database.write() as uow:
        made = await projects.create_organisation(uow, actor, body.name)
    return OrganisationOut.model_validate(made)


@router.patch("/{organisation_id}")
@action(Action.ORGANISATION_MANAGE)
async def rename_organisation(
    organisation_id: str, body: RenameIn, actor: ActorDep, database: DatabaseDep
) -> OrganisationOut:
    async with database.write() as uow:
        renamed = await projects.rename_organisation(uow, actor, organisation_id, body.name)
    return OrganisationOut.model_validate(renamed)


@router.post("/{organisation_id}/archive", status_code=204)
@action(Action.ORGANISATION_MANAGE)
async def archive_organisation(
    organisation_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """Close an organisation whose projects are all archived."""
    async with database.write() as uow:
        await projects.archive_organisation(uow, actor, organisation_id)


@router.post("/{organisation_id}/restore", status_code=204)
@action(Action.ORGANISATION_MANAGE)
async def restore_organisation(
    organisation_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """Open an archived organisation again."""
    async with database.write() as uow:
        await projects.restore_organisation(uow, actor, organisation_id)
