"""Recognises who acts from a session or a token, and remembers that it was used."""

from datetime import datetime, timedelta
from typing import Final

from stead.core import policy
from stead.core.authz import Actor, Role
from stead.core.db import Database, DatabaseUnavailableError, Uow
from stead.identity import repository, service
from stead.identity.models import ApiTokenRow
from stead.kit import clock, ids

# Writing at every request would make every look a write.
FRESH: Final = timedelta(minutes=5)


async def find_actor_by_session(uow: Uow, session: str) -> Actor | None:
    """Return whose session this is, or None when it has ended."""
    row = await repository.find_session(uow, ids.token_hash(session), clock.utc_now())
    if row is None:
        return None
    return await load_actor(uow, row.user_id, csrf=service.csrf_token(session))


async def find_actor_by_token(uow: Uow, token: str) -> Actor | None:
    """Return whose token this is, with what it leaves of their powers."""
    row = await repository.find_token(uow, ids.token_hash(token), clock.utc_now())
    return None if row is None else await _bounded(uow, row)


async def recognise_token(database: Database, token: str) -> Actor | None:
    """Return whose token this is, and note now and then that it is in use."""
    now = clock.utc_now()
    async with database.read() as uow:
        row = await repository.find_token(uow, ids.token_hash(token), now)
        actor = None if row is None else await _bounded(uow, row)
    if row is not None and _is_old(row.last_used_at, now):
        await _note_use(database, row.id, now)
    return actor


async def load_actor(uow: Uow, user_id: str, csrf: str = "") -> Actor | None:
    """Return a person with all that they may do."""
    user = await repository.find_user(uow, user_id)
    if user is None:
        return None
    projects = {p.id: Role(role) for p, role in await repository.projects_of(uow, user_id)}
    return Actor(user.id, user.name, user.admin, projects, csrf, auditor=user.auditor)


async def _bounded(uow: Uow, row: ApiTokenRow) -> Actor | None:
    """Return the token's owner with what the token leaves of their powers."""
    owner = await load_actor(uow, row.user_id)
    if owner is None:
        return None
    projects, everywhere = owner.projects, row.project_id is None
    return Actor(
        user_id=owner.user_id,
        name=owner.name,
        admin=owner.admin and everywhere,
        auditor=owner.auditor and everywhere,
        projects={p: r for p, r in projects.items() if everywhere or p == row.project_id},
        scopes=policy.expand(row.scopes),
        only_project=row.project_id,
        credential=row.id,
    )


def _is_old(moment: datetime | None, now: datetime) -> bool:
    return moment is None or now - moment > FRESH


async def _note_use(database: Database, token_id: str, now: datetime) -> None:
    try:
        async with database.write() as uow:
            await repository.note_token_use(uow, token_id, now)
    except DatabaseUnavailableError:
        return  # a disk that is full must not keep people from looking
