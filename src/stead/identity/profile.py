"""One's own account: what is known of it, and its second factor."""

from dataclasses import dataclass
from datetime import datetime

from stead.core.authz import Actor, UnauthenticatedError
from stead.core.db import Database, Uow
from stead.identity import second_factor, signing_in
from stead.identity.authenticators import Doors
from stead.identity.errors import SecondFactorStateError
from stead.identity.models import UserRow
from stead.identity.repository import people
from stead.identity.second_factor import Enrolment
from stead.identity.sessions import Client
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person sees of their own account."""

    name: str
    has_password: bool
    password_set_at: datetime | None
    second_factor_since: datetime | None
    recovery_codes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """The password, and a code that shows that the app has the secret."""

    password: Secret
    code: str


async def get_profile(uow: Uow, actor: Actor) -> Profile:
    """Return the actor's own account."""
    user = await _me(uow, actor)
    return Profile(
        name=user.name,
        has_password=user.password_hash is not None,
        password_set_at=user.password_set_at,
        second_factor_since=user.totp_since,
        recovery_codes=await people.count_codes(uow, user.id),
        created_at=user.created_at,
    )


async def begin_second_factor(uow: Uow, doors: Doors, actor: Actor) -> Enrolment:
    """Return what is to be put into the app. Raises SecondFactorStateError without a password."""
    user = await _me(uow, actor)
    if user.password_hash is None:
        raise SecondFactorStateError(
            "A second factor needs a first one", hint="Set a password, then come back"
        )
    if user.totp_since is not None:
        raise SecondFactorStateError(
            "The second factor is switched on already", hint="Switch it off to change the app"
        )
    return await second_factor.begin(uow, doors.vault, user)


async def find_enrolment(uow: Uow, doors: Doors, actor: Actor) -> Enrolment | None:
    """Return what was begun and is not confirmed yet."""
    return await second_factor.find_enrolment(uow, doors.vault, await _me(uow, actor))


async def confirm_second_factor(
    database: Database, doors: Doors, actor: Actor, proof: Proof, client: Client
) -> list[str]:
    """Switch the second factor on and return recovery codes, shown only this once.

    Raises InvalidRequestError for a wrong code, WrongPasswordError and TooManyAttemptsError.
    """
    await signing_in.confirm_password(database, doors, actor, proof.password, client)
    async with database.write() as uow:
        user = await _me(uow, actor)
        return await second_factor.confirm(uow, doors.vault, user, proof.code)


async def new_recovery_codes(
    database: Database, doors: Doors, actor: Actor, password: Secret, client: Client
) -> list[str]:
    """Replace the recovery codes. Raises InvalidRequestError and SecondFactorStateError."""
    async with database.read() as uow:
        _is_on(await _me(uow, actor))
    await signing_in.confirm_password(database, doors, actor, password, client)
    async with database.write() as uow:
        user = await _me(uow, actor)
        return await second_factor.new_codes(uow, user)


async def switch_second_factor_off(
    database: Database, doors: Doors, actor: Actor, password: Secret, client: Client
) -> None:
    """Ask for the password alone from now on.

    Raises InvalidRequestError and SecondFactorStateError.
    """
    async with database.read() as uow:
        _is_on(await _me(uow, actor))
    await signing_in.confirm_password(database, doors, actor, password, client)
    async with database.write() as uow:
        await second_factor.switch_off(uow, doors.vault, await _me(uow, actor))


def _is_on(user: UserRow) -> None:
    if user.totp_since is None:
        raise SecondFactorStateError("The second factor is not switched on")


async def _me(uow: Uow, actor: Actor) -> UserRow:
    user = await people.find(uow, actor.user_id)
    if user is None:
        raise UnauthenticatedError("Sign in first")
    return user
