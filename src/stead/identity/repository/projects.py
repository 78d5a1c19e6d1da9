"""SQL about organisations, projects, their members and invitations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import CursorResult, Row, Select, delete, func, select, update

from stead.core.db import Uow, platform_wide
from stead.identity.models import (
    InvitationRow,
    MembershipRow,
    OrganisationRow,
    ProjectRow,
    UserRow,
)

Members: TypeAlias = Sequence[Row[UserRow, str]]


async def find(uow: Uow, project_id: str) -> ProjectRow | None:
    return await uow.session.get(ProjectRow, project_id)


async def find_by_name(uow: Uow, name: str) -> ProjectRow | None:
    row: ProjectRow | None = await uow.session.scalar(
        select(ProjectRow).where(ProjectRow.name == name)
    )
    return row


async def list_(uow: Uow, project_ids: Collection[str] | None) -> list[ProjectRow]:
    """Return these projects, or all when there is no selection."""
    query = select(ProjectRow).order_by(ProjectRow.name)
    if project_ids is not None:
        query = query.where(ProjectRow.id.in_(project_ids))
    return list(await uow.session.scalars(query))


@platform_wide("finds out in which projects a person is")
async def roles_of(uow: Uow, user_id: str) -> dict[str, str]:
    rows = await uow.session.execute(
        select(MembershipRow.project_id, MembershipRow.role).where(
            MembershipRow.user_id == user_id
        )
    )
    return dict(rows.all())


async def lock(uow: Uow, project_id: str, *, archived: bool = False) -> bool:
    """Make everybody else who changes this project's use or state wait for this transaction.

    The update changes nothing: it is the lock that every database knows. False when the
    project is not there, or not in this state.
    """
    state = ProjectRow.archived_at.is_not(None) if archived else ProjectRow.archived_at.is_(None)
    changed = await uow.session.execute(
        update(ProjectRow)
        .where(ProjectRow.id == project_id, state)
        .values(archived_at=ProjectRow.archived_at)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


async def members(uow: Uow, project_id: str) -> Members:
    rows = await uow.session.execute(
        select(UserRow, MembershipRow.role)
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(MembershipRow.project_id == project_id)
        .order_by(UserRow.name)
    )
    return rows.all()


async def role_of(uow: Uow, project_id: str, user_id: str) -> str | None:
    row = await uow.session.get(MembershipRow, (user_id, project_id), populate_existing=True)
    return row.role if row is not None else None


async def set_role(uow: Uow, project_id: str, user_id: str, role: str) -> None:
    await uow.session.merge(MembershipRow(user_id=user_id, project_id=project_id, role=role))


async def remove_member(uow: Uow, project_id: str, user_id: str) -> None:
    await uow.session.execute(
        delete(MembershipRow).where(
            MembershipRow.user_id == user_id, MembershipRow.project_id == project_id
        )
    )


async def count_members(uow: Uow, project_id: str, role: str, *, but: str) -> int:
    query = select(func.count()).where(
        MembershipRow.project_id == project_id,
        MembershipRow.role == role,
        MembershipRow.user_id != but,
    )
    return int(await uow.session.scalar(query) or 0)


async def invitations(uow: Uow, project_id: str, now: datetime) -> list[InvitationRow]:
    """Return those that are still open."""
    query = _open(now).where(InvitationRow.project_id == project_id)
    return list(await uow.session.scalars(query.order_by(InvitationRow.id)))


@platform_wide("the token is the proof, and it names its project")
async def find_invitation(uow: Uow, token_hash: str, now: datetime) -> InvitationRow | None:
    row: InvitationRow | None = await uow.session.scalar(
        _open(now).where(InvitationRow.token_hash == token_hash)
    )
    return row


@platform_wide("the token is the proof, and it names its project")
async def use_invitation(uow: Uow, token_hash: str, now: datetime) -> InvitationRow | None:
    """Mark an invitation as used; None when it is unknown, used or too old."""
    row = await find_invitation(uow, token_hash, now)
    if row is None:
        return None
    changed = await uow.session.execute(
        update(InvitationRow)
        .where(InvitationRow.id == row.id, InvitationRow.used_at.is_(None))
        .values(used_at=now)
    )
    return row if isinstance(changed, CursorResult) and changed.rowcount == 1 else None


async def delete_invitation(uow: Uow, project_id: str, invitation_id: str) -> bool:
    changed = await uow.session.execute(
        delete(InvitationRow).where(
            InvitationRow.id == invitation_id,
            InvitationRow.project_id == project_id,
            InvitationRow.used_at.is_(None),
        )
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


async def end_invitations_by(uow: Uow, project_id: str, user_id: str) -> None:
    """What somebody promised does not outlive their power to promise it."""
    await uow.session.execute(
        delete(InvitationRow).where(
            InvitationRow.project_id == project_id,
            InvitationRow.invited_by == user_id,
            InvitationRow.used_at.is_(None),
        )
    )


@platform_wide("what is too old is too old in every project")
async def purge_invitations(uow: Uow, now: datetime) -> None:
    await uow.session.execute(delete(InvitationRow).where(InvitationRow.expires_at <= now))


async def organisations(uow: Uow) -> list[OrganisationRow]:
    return list(await uow.session.scalars(select(OrganisationRow).order_by(OrganisationRow.name)))


async def find_organisation(uow: Uow, organisation_id: str) -> OrganisationRow | None:
    return await uow.session.get(OrganisationRow, organisation_id)


async def find_organisation_by_name(uow: Uow, name: str) -> OrganisationRow | None:
    row: OrganisationRow | None = await uow.session.scalar(
        select(OrganisationRow).where(OrganisationRow.name == name)
    )
    return row


async def count_projects(uow: Uow, organisation_id: str) -> int:
    """Return how many projects of an organisation are in use."""
    query = select(func.count()).where(
        ProjectRow.organisation_id == organisation_id, ProjectRow.archived_at.is_(None)
    )
    return int(await uow.session.scalar(query) or 0)


@platform_wide("the part that all queries for invitations share")
def _open(now: datetime) -> Select[InvitationRow]:
    return select(InvitationRow).where(
        InvitationRow.used_at.is_(None), InvitationRow.expires_at > now
    )
