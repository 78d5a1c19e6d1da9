"""Members of a project and invitations into it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.settings import Settings
from stead.identity import members
from stead.identity.schemas import (
    InvitationIn,
    InvitationMadeOut,
    InvitationOut,
    MemberOut,
    RoleIn,
)

router = APIRouter(prefix="/projects/{project_id}")
Invitations = Annotated[
    Page, Depends(paged(InvitationOut, sorts=("expires_at",), filters=("role", "invited_by")))
]
Members = Annotated[
    Page,
    Depends(
        paged(
            MemberOut, sorts=("name", "role"), filters=("name", "role", "disabled"), key="user_id"
        )
    ),
]
SettingsDep = Annotated[Settings, Depends(provided(Settings))]


@router.get("/members")
@action(Action.MEMBER_READ)
async def list_members(
    project_id: str, actor: ActorDep, database: DatabaseDep, page: Members
) -> list[MemberOut]:
    async with database.read() as uow:
        found = await members.list_members(uow, actor, project_id)
    return page.of([MemberOut.model_validate(one) for one in found])


@router.put("/members/{user_id}", status_code=204)
@action(Action.MEMBER_MANAGE)
async def set_role(
    project_id: str, user_id: str, body: RoleIn, actor: ActorDep, database: DatabaseDep
) -> None:
    """Change a member's role; a platform admin may also make somebody a member."""
    async with database.write() as uow:
        await members.set_role(uow, actor, project_id, user_id, body.role)


@router.delete("/members/{user_id}", status_code=204)
@action(Action.MEMBER_MANAGE)
async def remove_member(
    project_id: str, user_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """End a membership."""
    async with database.write() as uow:
        await members.remove_member(uow, actor, project_id, user_id)


@router.post("/leave", status_code=204)
@action(Action.MEMBER_LEAVE)
async def leave_project(project_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    """End one's own membership."""
    async with database.write() as uow:
        await members.leave(uow, actor, project_id)


@router.get("/invitations")
@action(Action.MEMBER_MANAGE)
async def list_invitations(
    project_id: str, actor: ActorDep, database: DatabaseDep, page: Invitations
) -> list[InvitationOut]:
    """List the invitations that are still open."""
    async with database.read() as uow:
        found = await members.list_invitations(uow, actor, project_id)
    return page.of([InvitationOut.model_validate(one) for one in found])


@router.post("/invitations", status_code=201)
@action(Action.MEMBER_MANAGE)
async def invite(
    project_id: str,
    body: InvitationIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> InvitationMadeOut:
    """Make an invitation; its link is in this answer and never again."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        made = await members.invite(uow, actor, project_id, body.role, body.note, body.days)
    link = f"{settings.server.console_url}/invitation/{made.token}"
    shown = InvitationOut.model_validate(made.invitation).model_dump()
    return InvitationMadeOut(**shown, link=link)


@router.delete("/invitations/{invitation_id}", status_code=204)
@action(Action.MEMBER_MANAGE)
async def withdraw_invitation(
    project_id: str, invitation_id: str, actor: ActorDep, database: DatabaseDep
) -> None:
    """End an invitation before it is used."""
    async with database.write() as uow:
        await members.withdraw_invitation(uow, actor, project_id, invitation_id)
