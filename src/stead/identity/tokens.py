"""API tokens: what a program may do for its owner, in which project, until when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stead.core import platform_settings, policy
from stead.core.authz import Actor, NotFoundError
from stead.core.db import Uow
from stead.core.policy import Scope
from stead.identity import settings
from stead.identity.errors import InvalidRequestError, ScopeTooWideError
from stead.identity.models import ApiTokenRow
from stead.identity.repository import credentials
from stead.kit import clock, ids

NAME_LIMIT: Final = 80
DEFAULT_DAYS: Final = 90
DEFAULT_SCOPES: Final = (Scope.DEPLOY.value,)
PREFIX_LENGTH: Final = 10


@dataclass(frozen=True, slots=True)
class Token:
    """An API token without its secret."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project_id: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    suspended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a new token shall be good for; without days, for as long as is usual here."""

    name: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    project_id: str | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token; this is the only time its secret is seen."""

    token: Token
    secret: str


async def issue(uow: Uow, actor: Actor, asked: TokenRequest) -> Issued:
    """Make a token for the actor. One made by a token is never wider than that one.

    Raises InvalidRequestError, ScopeTooWideError and NotFoundError for foreign projects.
    """
    _check(asked)
    days = await _days(uow, asked)
    project_id = asked.project_id or actor.only_project
    if project_id is not None and project_id not in actor.projects:
        raise NotFoundError("There is no such project, or it is not yours")
    _refuse_wider(actor, asked.scopes, "A token cannot make one that may do more than itself")
    expires_at = clock.utc_now() + timedelta(days=days)
    if actor.scopes is not None:
        expires_at = await _no_later(uow, actor.credential, expires_at)
    return await _insert(uow, actor.user_id, asked, project_id, expires_at)


async def issue_for(uow: Uow, user_id: str, name: str) -> str:
    """Return a token that may do all that a person may; for whoever administers the server."""
    asked = TokenRequest(name, (Scope.ADMIN.value,))
    days = await platform_settings.get(uow, settings.TOKEN_LONGEST)
    expires_at = clock.utc_now() + timedelta(days=days)
    return (await _insert(uow, user_id, asked, None, expires_at)).secret


async def list_tokens(uow: Uow, actor: Actor) -> list[Token]:
    """Return the actor's own tokens, oldest first."""
    return [_token(row) for row in await credentials.tokens_of(uow, actor.user_id)]


async def revoke_token(uow: Uow, actor: Actor, token_id: str) -> None:
    """End a token of the actor's own at once. Raises NotFoundError."""
    if not await credentials.delete_token(uow, actor.user_id, token_id):
        raise NotFoundError("There is no such token, or it is not yours")


async def suspend_all(uow: Uow) -> int:
    """Let no token in until its owner allows it again; return how many there are.

    For a restore: a copy shows those as good that were revoked since it was taken.
    """
    return await credentials.suspend_tokens(uow, clock.utc_now())


async def allow_again(uow: Uow, actor: Actor, token_id: str) -> Token:
    """Let a suspended token of the actor's own in again; twice is fine.

    A token allows none that is wider than itself. Raises NotFoundError and ScopeTooWideError.
    """
    row = await credentials.find_own_token(uow, actor.user_id, token_id)
    if row is None:
        raise NotFoundError("There is no such token, or it is not yours")
    refusal = "A token cannot allow one that may do more than itself"
    _refuse_wider(actor, row.scopes, refusal)
    if actor.only_project not in (None, row.project_id):
        raise ScopeTooWideError(refusal)
    row.suspended_at = None
    return _token(row)


def _refuse_wider(actor: Actor, scopes: Collection[str], refusal: str) -> None:
    wanted = policy.expand(scopes)
    if actor.scopes is not None and not wanted <= actor.scopes:
        left = ", ".join(sorted(wanted - actor.scopes))
        raise ScopeTooWideError(refusal, fields={"scopes": f"Leave out: {left}"})


async def _days(uow: Uow, asked: TokenRequest) -> int:
    longest = await platform_settings.get(uow, settings.TOKEN_LONGEST)
    days = min(DEFAULT_DAYS, longest) if asked.days is None else asked.days
    if not 1 <= days <= longest:
        raise InvalidRequestError(
            "The token cannot be made like this", fields={"days": f"Between 1 and {longest}"}
        )
    return days


def _check(asked: TokenRequest) -> None:
    fields = {}
    if not asked.name.strip() or len(asked.name) > NAME_LIMIT:
        fields["name"] = f"Give it a name of up to {NAME_LIMIT} characters"
    unknown = _unknown(asked.scopes)
    if unknown or not asked.scopes:
        named = f"There is no scope {unknown[0]}. " if unknown else ""
        fields["scopes"] = f"{named}Choose {', '.join(Scope)} or single actions"
    if fields:
        raise InvalidRequestError("The token cannot be made like this", fields=fields)


def _unknown(scopes: Collection[str]) -> list[str]:
    return sorted(name for name in scopes if not policy.is_scope(name))


async def _no_later(uow: Uow, token_id: str, expires_at: datetime) -> datetime:
    parent = await credentials.get_token(uow, token_id)
    return min(parent.expires_at or expires_at, expires_at)


async def _insert(
    uow: Uow, user_id: str, asked: TokenRequest, project_id: str | None, expires_at: datetime
) -> Issued:
    secret = ids.new_token("stt")
    row = ApiTokenRow(
        id=ids.new_id(),
        user_id=user_id,
        name=asked.name.strip(),
        prefix=secret[:PREFIX_LENGTH],
        token_hash=ids.token_hash(secret),
        scopes=sorted(set(asked.scopes)),
        project_id=project_id,
        created_at=clock.utc_now(),
        expires_at=expires_at,
    )
    uow.session.add(row)
    await uow.session.flush()
    return Issued(_token(row), secret)


def _token(row: ApiTokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        project_id=row.project_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        suspended_at=row.suspended_at,
    )
