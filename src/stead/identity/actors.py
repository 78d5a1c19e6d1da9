"""Recognises who acts from a session or a token, and remembers that it was used."""

from datetime import datetime, timedelta
from typing import Final

from stead.core import policy
from stead.core.authz import Actor, Role
from stead.core.db import Database, Uow
from stead.core.db_errors import DatabaseUnavailableError
from stead.identity import sessions
from stead.identity.errors import SuspendedTokenError
from stead.identity.models import ApiTokenRow, SessionRow
from stead.identity.repository import credentials, people, projects
from stead.kit import clock, ids

# Writing at every request would make every look a write.
FRESH: Final = timedelta(minutes=5)


async def find_actor_by_session(uow: Uow, session: str) -> Actor | None:
    """Return whose session this is, or None when it has ended."""
    row = await sessions.find_session(uow, session)
    return None if row is None else await _of_session(uow, row, session)


async def find_actor_by_token(uow: Uow, token: str) -> Actor | None:
    """Return whose token this is, with what it leaves of their powers."""
    row = await credentials.find_token(uow, ids.token_hash(token), clock.utc_now())
    if row is None or row.suspended_at is not None:
        return None
    return await _of_token(uow, row)


async def find_actor_by_prefix(uow: Uow, user_id: str, prefix: str) -> Actor | None:
    """Return a person as one of their tokens leaves them, found by its beginning."""
    rows = await credentials.tokens_of(uow, user_id)
    found = [row for row in rows if row.prefix.startswith(prefix)]
    return await _of_token(uow, found[0]) if len(found) == 1 else None


async def recognise_session(database: Database, session: str) -> Actor | None:
    """Return whose session this is, and note now and then that it is in use."""
    now = clock.utc_now()
    async with database.read() as uow:
        row = await sessions.find_session(uow, session)
        actor = None if row is None else await _of_session(uow, row, session)
    if row is not None and actor is not None and _is_old(row.seen_at, now):
        await _note_use(database, now, session_hash=row.token_hash)
    return actor


async def recognise_token(database: Database, token: str) -> Actor | None:
    """Return whose token this is, and note now and then that it is in use.

    Raises SuspendedTokenError for one that has waited for its owner since a restore.
    """
    now = clock.utc_now()
    async with database.read() as uow:
        row = await credentials.find_token(uow, ids.token_hash(token), now)
        if row is not None and row.suspended_at is not None:
            raise SuspendedTokenError(
                "This token has been suspended since Stead was restored from a copy",
                hint="Sign in to the console and allow it again under API tokens",
            )
        actor = None if row is None else await _of_token(uow, row)
    if row is not None and actor is not None and _is_old(row.last_used_at, now):
        await _note_use(database, now, token_id=row.id)
    return actor


async def load_actor(
    uow: Uow, user_id: str, *, csrf: str = "", credential: str = ""
) -> Actor | None:
    """Return a person with all that they may do; None when they are gone or disabled."""
    user = await people.find(uow, user_id)
    if user is None or user.disabled_at is not None:
        return None
    roles = {p: Role(role) for p, role in (await projects.roles_of(uow, user_id)).items()}
    return Actor(
        user_id=user.id,
        name=user.name,
        admin=user.admin,
        projects=roles,
        csrf=csrf,
        auditor=user.auditor,
        credential=credential,
    )


async def _of_session(uow: Uow, row: SessionRow, session: str) -> Actor | None:
    csrf = sessions.csrf_token(session)
    return await load_actor(uow, row.user_id, csrf=csrf, credential=row.id)


async def _of_token(uow: Uow, row: ApiTokenRow) -> Actor | None:
    """Return the token's owner with what the token leaves of their powers."""
    owner = await load_actor(uow, row.user_id)
    if owner is None:
        return None
    held, everywhere = owner.projects, row.project_id is None
    return Actor(
        user_id=owner.user_id,
        name=owner.name,
        admin=owner.admin and everywhere,
        auditor=owner.auditor and everywhere,
        projects={p: r for p, r in held.items() if everywhere or p == row.project_id},
        scopes=policy.expand(row.scopes),
        only_project=row.project_id,
        credential=row.id,
    )


def _is_old(moment: datetime | None, now: datetime) -> bool:
    return moment is None or now - moment > FRESH


async def _note_use(
    database: Database, now: datetime, *, session_hash: str = "", token_id: str = ""
) -> None:
    try:
        async with database.write() as uow:
            if session_hash:
                await credentials.note_session_use(uow, session_hash, now)
            if token_id:
                await credentials.note_token_use(uow, token_id, now)
    except DatabaseUnavailableError:
        return  # a disk that is full must not keep people from looking
