"""People on the platform, for its admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.settings import Settings
from stead.identity import accounts
from stead.identity.schemas import (
    LinkOut,
    PersonMadeOut,
    PersonOut,
    PlatformRolesIn,
    RenameIn,
    ResetIn,
)

router = APIRouter(prefix="/people")
People = Annotated[
    Page,
    Depends(
        paged(
            PersonOut,
            sorts=("name", "created_at"),
            filters=("name", "admin", "auditor", "disabled"),
        )
    ),
]
SettingsDep = Annotated[Settings, Depends(provided(Settings))]


@router.get("")
@action(Action.PERSON_READ)
async def list_people(actor: ActorDep, database: DatabaseDep, page: People) -> list[PersonOut]:
    async with database.read() as uow:
        found = await accounts.list_people(uow, actor)
    return page.of([PersonOut.model_validate(one) for one in found])


@router.post("", status_code=201)
@action(Action.PERSON_MANAGE)
async def create_person(
    body: RenameIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> PersonMadeOut:
    """Make an account; the link that sets its password is in this answer and never again."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        person, token = await accounts.create_person(uow, actor, body.name)
    link = f"{settings.server.console_url}/reset/{token}"
    return PersonMadeOut(**PersonOut.model_validate(person).model_dump(), link=link)


@router.patch("/{user_id}")
@action(Action.PERSON_MANAGE)
async def set_platform_roles(
    user_id: str, body: PlatformRolesIn, actor: ActorDep, database: DatabaseDep
) -> PersonOut:
    """Make somebody a platform admin or auditor, or no longer."""
    roles = body.model_dump(exclude_none=True)
    async with database.write() as uow:
        person = await accounts.set_platform_roles(uow, actor, user_id, roles)
    return PersonOut.model_validate(person)


@router.post("/{user_id}/reset-link", status_code=201)
@action(Action.PERSON_MANAGE)
async def create_reset_link(
    user_id: str,
    body: ResetIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> LinkOut:
    """Return a link that sets a new password, once, within a day."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        token = await accounts.issue_reset(
            uow, actor, user_id, drop_second_factor=body.drop_second_factor
        )
    return LinkOut(link=f"{settings.server.console_url}/reset/{token}")


@router.post("/{user_id}/disable", status_code=204)
@action(Action.PERSON_MANAGE)
async def disable_person(user_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    """Shut somebody out at once."""
    async with database.write() as uow:
        await accounts.disable_person(uow, actor, user_id)


@router.post("/{user_id}/enable", status_code=204)
@action(Action.PERSON_MANAGE)
async def enable_person(user_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    """Let somebody in again, and forget their failed attempts."""
    async with database.write() as uow:
        await accounts.enable_person(uow, actor, user_id)
