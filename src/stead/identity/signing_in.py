"""Signing in with name, password and second factor: into a browser, or for a token."""

from dataclasses import dataclass

from stead.core import trail
from stead.core.authz import Actor, ForbiddenError, UnauthenticatedError
from stead.core.db import Database, Uow
from stead.core.errors import Kind, SteadError
from stead.identity import actors, lockout, second_factor, sessions, tokens
from stead.identity.authenticators import Doors
from stead.identity.errors import InvalidRequestError, SecondFactorError, WrongPasswordError
from stead.identity.models import UserRow
from stead.identity.repository import people
from stead.identity.sessions import Client
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Attempt:
    """A name and a password from somewhere."""

    name: str
    password: Secret
    client: Client


@dataclass(frozen=True, slots=True)
class Opened:
    """A session for the browser; with ``pending`` it still owes the second factor."""

    session: str
    pending: bool


async def sign_in(database: Database, doors: Doors, attempt: Attempt) -> Opened:
    """Open a session. Raises WrongPasswordError and TooManyAttemptsError."""
    user_id = await _verified(database, doors, attempt)
    async with database.write() as uow:
        user = await _usable(uow, user_id)
        pending = user.totp_since is not None
        if not pending:
            await lockout.forgive(uow, attempt.name, attempt.client.address)
        session = await sessions.open_session(uow, user.id, attempt.client, pending=pending)
    return Opened(session, pending)


async def owes_second_factor(uow: Uow, session: str) -> bool:
    """Tell whether this browser has given a password and owes the second factor."""
    return await sessions.find_session(uow, session, pending=True) is not None


async def give_second_factor(
    database: Database, doors: Doors, session: str, code: str, client: Client
) -> str:
    """Return the token of a full session in place of one that owed its second factor.

    Raises UnauthenticatedError when there is none, SecondFactorError for a wrong code and
    TooManyAttemptsError.
    """
    async with database.read() as uow:
        row = await sessions.find_session(uow, session, pending=True)
        if row is None:
            raise UnauthenticatedError("That took too long; begin again with your password")
        user = await _usable(uow, row.user_id)
    await lockout.admit(database, user.name, client.address)
    async with database.write() as uow:
        user = await _usable(uow, user.id)
        await _check_code(uow, doors, user, code)
        await lockout.forgive(uow, user.name, client.address)
        await sessions.end_session(uow, session)
        return await sessions.open_session(uow, user.id, client)


async def sign_in_for_token(
    database: Database, doors: Doors, attempt: Attempt, code: str, asked: tokens.TokenRequest
) -> tokens.Issued:
    """Make a token for a program without a browser.

    Raises WrongPasswordError, SecondFactorError and TooManyAttemptsError.
    """
    user_id = await _verified(database, doors, attempt)
    async with database.write() as uow:
        user = await _usable(uow, user_id)
        if user.totp_since is not None:
            await _check_code(uow, doors, user, code)
        trail.note_actor(user.id, user.name)
        await lockout.forgive(uow, attempt.name, attempt.client.address)
        return await tokens.issue(uow, await _actor(uow, user.id), asked)


async def confirm_password(
    database: Database, doors: Doors, actor: Actor, password: Secret, client: Client
) -> None:
    """Make sure that it is still the person who sits there; those without a password pass.

    Raises InvalidRequestError and TooManyAttemptsError.
    """
    async with database.read() as uow:
        user = await _usable(uow, actor.user_id)
    if user.password_hash is None:
        if actor.scopes is not None:
            raise ForbiddenError("A token cannot set the first password; use the console")
        return
    attempt = Attempt(user.name, password, client)
    try:
        found = await _verified(database, doors, attempt)
    except WrongPasswordError:
        found = ""
    if found != actor.user_id:
        raise InvalidRequestError(
            "This needs your password", fields={"current": "This is not your password"}
        )
    async with database.write() as uow:
        await lockout.forgive(uow, user.name, client.address)


async def _verified(database: Database, doors: Doors, attempt: Attempt) -> str:
    await lockout.admit(database, attempt.name, attempt.client.address)
    unreachable: SteadError | None = None
    for authenticator in doors.authenticators:
        try:
            user_id = await authenticator.verify(attempt.name, attempt.password)
        except SteadError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            unreachable = error
            continue
        if user_id is not None:
            return user_id
    if unreachable is not None:
        raise unreachable
    raise _wrong()


async def _usable(uow: Uow, user_id: str) -> UserRow:
    """Return the person; one who is disabled hears what everybody hears."""
    user = await people.find(uow, user_id)
    if user is None or user.disabled_at is not None:
        raise _wrong()
    return user


async def _check_code(uow: Uow, doors: Doors, user: UserRow, code: str) -> None:
    if not code:
        raise SecondFactorError(
            "The code of your second factor is needed too",
            fields={"code": "From your authenticator app, or a recovery code"},
        )
    if not await second_factor.use(uow, doors.vault, user, code):
        raise SecondFactorError(
            "This code is not right",
            fields={"code": "It may be too old, or used already; wait for the next one"},
        )


async def _actor(uow: Uow, user_id: str) -> Actor:
    actor = await actors.load_actor(uow, user_id)
    if actor is None:
        raise _wrong()
    return actor


def _wrong() -> WrongPasswordError:
    return WrongPasswordError(
        "Name or password is wrong",
        hint="Whoever administers this platform can send a link that sets a new password",
    )
