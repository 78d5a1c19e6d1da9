"""All SQL of identity."""

from datetime import datetime

from sqlalchemy import CursorResult, delete, select, update

from stead.core.db import Uow
from stead.identity.models import (
    ApiTokenRow,
    MembershipRow,
    ProjectRow,
    SessionRow,
    SignInLinkRow,
    UserRow,
)


async def find_user(uow: Uow, user_id: str) -> UserRow | None:
    return await uow.session.get(UserRow, user_id)


async def find_user_by_name(uow: Uow, name: str) -> UserRow | None:
    row: UserRow | None = await uow.session.scalar(select(UserRow).where(UserRow.name == name))
    return row


async def find_project_by_name(uow: Uow, name: str) -> ProjectRow | None:
    row: ProjectRow | None = await uow.session.scalar(
        select(ProjectRow).where(ProjectRow.name == name)
    )
    return row


async def projects_of(uow: Uow, user_id: str) -> list[tuple[ProjectRow, str]]:
    rows = await uow.session.execute(
        select(ProjectRow, MembershipRow.role)
        .join(MembershipRow, MembershipRow.project_id == ProjectRow.id)
        .where(MembershipRow.user_id == user_id)
        .order_by(ProjectRow.name)
    )
    return [(project, role) for project, role in rows]


async def use_link(uow: Uow, token_hash: str, now: datetime) -> str | None:
    """Mark a link as used and return its user; None when it is unknown, used or too old."""
    changed = await uow.session.execute(
        update(SignInLinkRow)
        .where(
            SignInLinkRow.token_hash == token_hash,
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > now,
        )
        .values(used_at=now)
    )
    if not isinstance(changed, CursorResult) or changed.rowcount != 1:
        return None
    link = await uow.session.get_one(SignInLinkRow, token_hash)
    return link.user_id


async def link_is_open(uow: Uow, token_hash: str, now: datetime) -> bool:
    row = await uow.session.get(SignInLinkRow, token_hash)
    return row is not None and row.used_at is None and row.expires_at > now


async def find_session(uow: Uow, token_hash: str, now: datetime) -> SessionRow | None:
    row = await uow.session.get(SessionRow, token_hash)
    return row if row is not None and row.expires_at > now else None


async def end_session(uow: Uow, token_hash: str) -> None:
    await uow.session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


async def find_token(uow: Uow, token_hash: str, now: datetime) -> ApiTokenRow | None:
    row: ApiTokenRow | None = await uow.session.scalar(
        select(ApiTokenRow).where(ApiTokenRow.token_hash == token_hash)
    )
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return row


async def get_token(uow: Uow, token_id: str) -> ApiTokenRow:
    return await uow.session.get_one(ApiTokenRow, token_id)


async def note_token_use(uow: Uow, token_id: str, now: datetime) -> None:
    await uow.session.execute(
        update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(last_used_at=now)
    )


async def tokens_of(uow: Uow, user_id: str) -> list[ApiTokenRow]:
    rows = await uow.session.scalars(
        select(ApiTokenRow).where(ApiTokenRow.user_id == user_id).order_by(ApiTokenRow.id)
    )
    return list(rows)


async def delete_token(uow: Uow, user_id: str, token_id: str) -> bool:
    changed = await uow.session.execute(
        delete(ApiTokenRow).where(ApiTokenRow.id == token_id, ApiTokenRow.user_id == user_id)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1
