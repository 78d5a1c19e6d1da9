"""Sessions of browsers and the links that open them; kept on the server, so they can be ended."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stead.core import platform_settings, trail
from stead.core.authz import Actor, NotFoundError, UnauthenticatedError
from stead.core.db import Uow
from stead.identity import rules, settings
from stead.identity.models import SessionRow, SignInLinkRow
from stead.identity.repository import credentials, people, projects
from stead.identity.repository.credentials import Window
from stead.kit import clock, ids

PENDING_LIFE: Final = timedelta(minutes=5)
SIGN_IN: Final = "sign_in"
RESET: Final = "reset"
RESET_ALL: Final = "reset_all"
_BROWSER_LENGTH: Final = 200
_ADDRESS_LENGTH: Final = 45


@dataclass(frozen=True, slots=True)
class Client:
    """From where somebody signs in."""

    address: str = ""
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in, without its secret."""

    id: str
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool

    @property
    def name(self) -> str:
        """Return what people call this browser."""
        return rules.browser_name(self.browser)


async def issue_link(uow: Uow, user_id: str, purpose: str = SIGN_IN) -> str:
    """Return a token that signs this person in, or lets them set a password, once."""
    token = ids.new_token("stl")
    minutes = await platform_settings.get(uow, settings.LINK_LIFE)
    hours = await platform_settings.get(uow, settings.RESET_LIFE)
    life = timedelta(minutes=minutes) if purpose == SIGN_IN else timedelta(hours=hours)
    uow.session.add(
        SignInLinkRow(
            token_hash=ids.token_hash(token),
            user_id=user_id,
            purpose=purpose,
            expires_at=clock.utc_now() + life,
        )
    )
    await uow.session.flush()
    return token


async def link_is_open(uow: Uow, token: str, purpose: str = SIGN_IN) -> bool:
    """Tell whether a link would work, without using it up."""
    found = await credentials.find_open_link(uow, ids.token_hash(token), purpose, clock.utc_now())
    return found is not None


async def redeem_link(uow: Uow, token: str, client: Client | None = None) -> str:
    """Use a link up and return a session token. Raises UnauthenticatedError."""
    user_id = await credentials.use_link(uow, ids.token_hash(token), SIGN_IN, clock.utc_now())
    if user_id is None:
        raise UnauthenticatedError(
            "This sign-in link was used already or has expired",
            hint="Make a new one on the server with: stead admin sign-in-link",
        )
    return await open_session(uow, user_id, client or Client())


async def open_session(uow: Uow, user_id: str, client: Client, *, pending: bool = False) -> str:
    """Return the token of a new session; ``pending`` ones still owe the second factor.

    What has expired meanwhile is deleted on the way.
    """
    now = clock.utc_now()
    user = await people.find(uow, user_id)
    trail.note_actor(user_id, user.name if user is not None else "")
    await credentials.purge(uow, await _window(uow, now))
    await projects.purge_invitations(uow, now)
    token = ids.new_token("sts")
    uow.session.add(
        SessionRow(
            token_hash=ids.token_hash(token),
            id=ids.new_id(),
            user_id=user_id,
            pending=pending,
            browser=client.browser[:_BROWSER_LENGTH],
            address=client.address[:_ADDRESS_LENGTH],
            created_at=now,
            seen_at=now,
            expires_at=now + (PENDING_LIFE if pending else await longest(uow)),
        )
    )
    await uow.session.flush()
    return token


async def find_session(uow: Uow, token: str, *, pending: bool = False) -> SessionRow | None:
    """Return a session that is open, and that owes its second factor or does not."""
    now = clock.utc_now()
    window = await _window(uow, now)
    row = await credentials.find_session(uow, ids.token_hash(token), window)
    return row if row is not None and row.pending is pending else None


async def list_sessions(uow: Uow, actor: Actor) -> list[Session]:
    """Return the actor's open sessions, the one used last first."""
    now = clock.utc_now()
    rows = await credentials.sessions_of(uow, actor.user_id, await _window(uow, now))
    return [_session(row, actor.credential) for row in rows]


async def longest(uow: Uow) -> timedelta:
    """Return after what time a session ends, however busy it is."""
    hours = await platform_settings.get(uow, settings.SESSION_LONGEST)
    return timedelta(hours=hours)


async def end_session(uow: Uow, token: str) -> None:
    """Sign this browser out; twice is fine."""
    await credentials.end_session(uow, ids.token_hash(token))


async def revoke_session(uow: Uow, actor: Actor, session_id: str) -> None:
    """End one of the actor's own sessions. Raises NotFoundError."""
    if not await credentials.end_session_by_id(uow, actor.user_id, session_id):
        raise NotFoundError("There is no such session, or it is not yours")


async def revoke_others(uow: Uow, actor: Actor) -> int:
    """End all sessions of the actor but the one that asks; return how many."""
    return await credentials.end_sessions(uow, actor.user_id, keep=actor.credential)


def csrf_token(session: str) -> str:
    """Return the token that forms of this session must carry."""
    return hmac.new(session.encode(), b"stead-csrf-v1", hashlib.sha256).hexdigest()


async def _window(uow: Uow, now: datetime) -> Window:
    minutes = await platform_settings.get(uow, settings.SESSION_IDLE)
    idle = timedelta(minutes=minutes)
    return Window(now, seen_after=now - idle, made_after=now - await longest(uow))


def _session(row: SessionRow, current: str) -> Session:
    return Session(
        id=row.id,
        browser=row.browser,
        address=row.address,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        current=row.id == current,
    )
