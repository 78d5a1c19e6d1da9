"""SQL about sessions, links and API tokens."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Result, delete, select, update

from stead.core.db import Uow, platform_wide
from stead.identity.models import ApiTokenRow, SessionRow, SignInLinkRow


@dataclass(frozen=True, slots=True)
class Window:
    """What makes a session open now: its end, its last use and its beginning."""

    now: datetime
    seen_after: datetime
    made_after: datetime


async def use_link(uow: Uow, token_hash: str, purpose: str, now: datetime) -> str | None:
    """Mark a link as used and return its user; None when it is unknown, used or too old."""
    changed = await uow.session.execute(
        update(SignInLinkRow)
        .where(
            SignInLinkRow.token_hash == token_hash,
            SignInLinkRow.purpose == purpose,
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > now,
        )
        .values(used_at=now)
    )
    if not _one(changed):
        return None
    link = await uow.session.get_one(SignInLinkRow, token_hash)
    return link.user_id


async def find_open_link(
    uow: Uow, token_hash: str, purpose: str, now: datetime
) -> SignInLinkRow | None:
    row = await uow.session.get(SignInLinkRow, token_hash)
    if row is None or row.purpose != purpose or row.used_at is not None or row.expires_at <= now:
        return None
    return row


async def find_session(uow: Uow, token_hash: str, window: Window) -> SessionRow | None:
    """Return a session that is neither too old nor left alone for too long."""
    row = await uow.session.get(SessionRow, token_hash)
    if row is None or row.expires_at <= window.now:
        return None
    if row.seen_at <= window.seen_after or row.created_at <= window.made_after:
        return None
    return row


async def sessions_of(uow: Uow, user_id: str, window: Window) -> list[SessionRow]:
    rows = await uow.session.scalars(
        select(SessionRow)
        .where(
            SessionRow.user_id == user_id,
            SessionRow.pending.is_(False),
            SessionRow.expires_at > window.now,
            SessionRow.seen_at > window.seen_after,
            SessionRow.created_at > window.made_after,
        )
        .order_by(SessionRow.seen_at.desc(), SessionRow.id)
    )
    return list(rows)


async def note_session_use(uow: Uow, token_hash: str, now: datetime) -> None:
    await uow.session.execute(
        update(SessionRow).where(SessionRow.token_hash == token_hash).values(seen_at=now)
    )


async def end_session(uow: Uow, token_hash: str) -> None:
    await uow.session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


async def end_session_by_id(uow: Uow, user_id: str, session_id: str) -> bool:
    changed = await uow.session.execute(
        delete(SessionRow).where(SessionRow.id == session_id, SessionRow.user_id == user_id)
    )
    return _one(changed)


async def end_sessions(uow: Uow, user_id: str, *, keep: str = "") -> int:
    """End a person's sessions but one; return how many there were."""
    changed = await uow.session.execute(
        delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id != keep)
    )
    return changed.rowcount if isinstance(changed, CursorResult) else 0


async def end_links(uow: Uow, user_id: str, now: datetime) -> None:
    await uow.session.execute(
        update(SignInLinkRow)
        .where(SignInLinkRow.user_id == user_id, SignInLinkRow.used_at.is_(None))
        .values(used_at=now)
    )


async def purge(uow: Uow, window: Window) -> None:
    """Delete the sessions and links that nothing can be done with any more."""
    await uow.session.execute(
        delete(SessionRow).where(
            (SessionRow.expires_at <= window.now)
            | (SessionRow.seen_at <= window.seen_after)
            | (SessionRow.created_at <= window.made_after)
        )
    )
    await uow.session.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at <= window.now))


@platform_wide("the token is the proof, and it names its project")
async def find_token(uow: Uow, token_hash: str, now: datetime) -> ApiTokenRow | None:
    row: ApiTokenRow | None = await uow.session.scalar(
        select(ApiTokenRow).where(ApiTokenRow.token_hash == token_hash)
    )
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return row


@platform_wide("by its id, for whoever has shown it or owns it")
async def get_token(uow: Uow, token_id: str) -> ApiTokenRow:
    return await uow.session.get_one(ApiTokenRow, token_id)


@platform_wide("by its id, for whoever has shown it")
async def note_token_use(uow: Uow, token_id: str, now: datetime) -> None:
    await uow.session.execute(
        update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(last_used_at=now)
    )


@platform_wide("a person sees their own tokens, whatever project they are for")
async def tokens_of(uow: Uow, user_id: str) -> list[ApiTokenRow]:
    rows = await uow.session.scalars(
        select(ApiTokenRow).where(ApiTokenRow.user_id == user_id).order_by(ApiTokenRow.id)
    )
    return list(rows)


@platform_wide("a person sees their own tokens, whatever project they are for")
async def find_own_token(uow: Uow, user_id: str, token_id: str) -> ApiTokenRow | None:
    row = await uow.session.get(ApiTokenRow, token_id)
    return row if row is not None and row.user_id == user_id else None


@platform_wide("a restore takes back everybody's")
async def suspend_tokens(uow: Uow, now: datetime) -> int:
    """Let no token in until its owner allows it again; return how many there are."""
    changed = await uow.session.execute(update(ApiTokenRow).values(suspended_at=now))
    return changed.rowcount if isinstance(changed, CursorResult) else 0


@platform_wide("a person ends their own tokens, whatever project they are for")
async def delete_token(uow: Uow, user_id: str, token_id: str) -> bool:
    changed = await uow.session.execute(
        delete(ApiTokenRow).where(ApiTokenRow.id == token_id, ApiTokenRow.user_id == user_id)
    )
    return _one(changed)


@platform_wide("a person's tokens end together, whatever project they are for")
async def delete_tokens(uow: Uow, user_id: str) -> None:
    await uow.session.execute(delete(ApiTokenRow).where(ApiTokenRow.user_id == user_id))


def _one(changed: Result[tuple[object, ...]]) -> bool:
    return isinstance(changed, CursorResult) and changed.rowcount == 1
