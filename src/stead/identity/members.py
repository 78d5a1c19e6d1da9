"""Members of projects and the invitations that make somebody one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stead.core import authz, platform_settings
from stead.core.authz import Action, Actor, Cause, ForbiddenError, NotFoundError, Role
from stead.core.db import Uow
from stead.identity import projects, rules, settings
from stead.identity.errors import InvalidRequestError, LastOwnerError, LinkUsedError
from stead.identity.models import InvitationRow
from stead.identity.repository import people, projects as repository
from stead.kit import clock, ids

NOTE_LIMIT: Final = 80


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a project."""

    user_id: str
    name: str
    role: Role
    disabled: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation, without its link."""

    id: str
    project_id: str
    project: str
    role: Role
    note: str
    invited_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation; this is the only time its token is seen."""

    invitation: Invitation
    token: str


async def list_members(uow: Uow, actor: Actor, project_id: str) -> list[Member]:
    """Return a project's members by name. Raises NotFoundError."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_READ)
    rows = await repository.members(uow, project_id)
    return [
        Member(user.id, user.name, Role(role), disabled=user.disabled_at is not None)
        for user, role in rows
    ]


async def set_role(uow: Uow, actor: Actor, project_id: str, user_id: str, role: Role) -> None:
    """Change a member's role, up to the actor's own.

    A platform admin may also make somebody a member. Raises NotFoundError,
    ForbiddenError and LastOwnerError.
    """
    await projects.get_row(uow, actor, project_id, Action.MEMBER_MANAGE)
    await projects.take_turn(uow, project_id)
    current = await _current(uow, actor, project_id, user_id)
    _up_to_ones_own(actor, project_id, role)
    if current is Role.OWNER and role is not Role.OWNER:
        await _keep_an_owner(uow, project_id, user_id)
    await repository.set_role(uow, project_id, user_id, role)
    await repository.end_invitations_by(uow, project_id, user_id)


async def remove_member(uow: Uow, actor: Actor, project_id: str, user_id: str) -> None:
    """End a membership of somebody whose role is not higher than the actor's."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_MANAGE)
    await projects.take_turn(uow, project_id)
    role = await repository.role_of(uow, project_id, user_id)
    if role is None:
        raise NotFoundError("There is no such member")
    _up_to_ones_own(actor, project_id, Role(role))
    await _remove(uow, project_id, user_id, Role(role))


async def leave(uow: Uow, actor: Actor, project_id: str) -> None:
    """End one's own membership. Raises LastOwnerError."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_LEAVE)
    await projects.take_turn(uow, project_id)
    role = await repository.role_of(uow, project_id, actor.user_id)
    if role is not None:
        await _remove(uow, project_id, actor.user_id, Role(role))


async def invite(
    uow: Uow,
    actor: Actor,
    project_id: str,
    role: Role,
    note: str = "",
    days: int | None = None,
) -> Invited:
    """Make a link that makes its holder a member, once, with a role up to the actor's own."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_MANAGE)
    longest = await platform_settings.get(uow, settings.INVITATION_LONGEST)
    if days is None:
        days = min(longest, await platform_settings.get(uow, settings.INVITATION_DAYS))
    if not 1 <= days <= longest or len(note) > NOTE_LIMIT:
        raise InvalidRequestError(
            "The invitation cannot be made like this",
            fields={"days": f"Between 1 and {longest}"}
            if len(note) <= NOTE_LIMIT
            else {"note": f"Use {NOTE_LIMIT} characters at most"},
        )
    _up_to_ones_own(actor, project_id, role)
    await projects.take_turn(uow, project_id)
    token, now = ids.new_token("sti"), clock.utc_now()
    row = InvitationRow(
        id=ids.new_id(),
        token_hash=ids.token_hash(token),
        project_id=project_id,
        role=role.value,
        note=note.strip(),
        invited_by=actor.user_id,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    uow.session.add(row)
    await uow.session.flush()
    return Invited(await _invitation(uow, row), token)


async def list_invitations(uow: Uow, actor: Actor, project_id: str) -> list[Invitation]:
    """Return the invitations that are still open, oldest first."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_MANAGE)
    rows = await repository.invitations(uow, project_id, clock.utc_now())
    return [await _invitation(uow, row) for row in rows]


async def withdraw_invitation(uow: Uow, actor: Actor, project_id: str, invitation_id: str) -> None:
    """End an invitation before it is used. Raises NotFoundError."""
    await projects.get_row(uow, actor, project_id, Action.MEMBER_MANAGE)
    if not await repository.delete_invitation(uow, project_id, invitation_id):
        raise NotFoundError("There is no such invitation, or it was used")


async def find_invitation(uow: Uow, token: str) -> Invitation | None:
    """Return what a link invites to, without using it up."""
    row = await repository.find_invitation(uow, ids.token_hash(token), clock.utc_now())
    return await _invitation(uow, row) if row is not None else None


async def accept_invitation(uow: Uow, user_id: str, token: str) -> Invitation:
    """Use an invitation up and make this person a member; nobody loses a higher role by it.

    Raises LinkUsedError.
    """
    row = await repository.use_invitation(uow, ids.token_hash(token), clock.utc_now())
    if row is None:
        raise LinkUsedError(
            "This invitation was used, withdrawn or has expired",
            hint="Ask whoever sent it for another one",
        )
    await projects.take_turn(uow, row.project_id)
    current = await repository.role_of(uow, row.project_id, user_id)
    role = rules.higher(Role(row.role), Role(current)) if current else Role(row.role)
    await repository.set_role(uow, row.project_id, user_id, role)
    return await _invitation(uow, row)


async def _remove(uow: Uow, project_id: str, user_id: str, role: Role) -> None:
    if role is Role.OWNER:
        await _keep_an_owner(uow, project_id, user_id)
    await repository.remove_member(uow, project_id, user_id)
    await repository.end_invitations_by(uow, project_id, user_id)


async def _current(uow: Uow, actor: Actor, project_id: str, user_id: str) -> Role | None:
    """Return the member's role; only a platform admin may name somebody who has none."""
    role = await repository.role_of(uow, project_id, user_id)
    if role is not None:
        _up_to_ones_own(actor, project_id, Role(role))
        return Role(role)
    if not actor.admin or await people.find(uow, user_id) is None:
        raise NotFoundError("There is no such member", hint="Invite them instead")
    return None


def _up_to_ones_own(actor: Actor, project_id: str, role: Role) -> None:
    decision = authz.decide(actor, Action.MEMBER_MANAGE, project_id)
    if decision.cause is Cause.PLATFORM_ROLE or actor.admin:
        return
    own = actor.projects.get(project_id)
    if own is None or not rules.at_least(own, role):
        raise ForbiddenError(f"Your role is not high enough to do this with the role {role}")


async def _keep_an_owner(uow: Uow, project_id: str, user_id: str) -> None:
    if not await repository.count_members(uow, project_id, Role.OWNER, but=user_id):
        raise LastOwnerError(
            "This is the project's last owner", hint="Make somebody else an owner first"
        )


async def _invitation(uow: Uow, row: InvitationRow) -> Invitation:
    project = await repository.find(uow, row.project_id)
    inviter = await people.find(uow, row.invited_by)
    return Invitation(
        id=row.id,
        project_id=row.project_id,
        project=project.name if project is not None else "",
        role=Role(row.role),
        note=row.note,
        invited_by=inviter.name if inviter is not None else "",
        expires_at=row.expires_at,
    )
