"""People: who there is, what they are on the platform, and how they get in again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from stead.core import authz, platform_settings
from stead.core.authz import Action, Actor, NotFoundError, Role
from stead.core.db import Database, Uow
from stead.identity import (
    lockout,
    members,
    projects,
    rules,
    second_factor,
    sessions,
    settings,
    signing_in,
)
from stead.identity.authenticators import Doors
from stead.identity.errors import (
    InvalidRequestError,
    LastOwnerError,
    LinkUsedError,
    NameTakenError,
)
from stead.identity.models import ProjectRow, UserRow
from stead.identity.repository import credentials, people, projects as project_repository
from stead.identity.sessions import Client
from stead.kit import clock, ids
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account."""

    id: str
    name: str
    admin: bool
    auditor: bool
    has_password: bool
    second_factor: bool
    disabled: bool
    created_at: datetime


async def ensure_admin(uow: Uow, name: str, project: str) -> str:
    """Create the first person and project unless they are there; return the person's id."""
    now = clock.utc_now()
    user = await people.find_by_name(uow, name)
    if user is None:
        user = UserRow(id=ids.new_id(), name=name, admin=True, created_at=now)
        uow.session.add(user)
    found = await project_repository.find_by_name(uow, project)
    if found is None:
        holder = await projects.ensure_organisation(uow)
        found = ProjectRow(id=ids.new_id(), name=project, organisation_id=holder, created_at=now)
        uow.session.add(found)
    await uow.session.flush()
    await project_repository.set_role(uow, found.id, user.id, Role.OWNER)
    return user.id


async def find_user_id(uow: Uow, name: str) -> str | None:
    """Return the id of the person of this name."""
    user = await people.find_by_name(uow, name)
    return user.id if user is not None else None


async def find_person(uow: Uow, user_id: str) -> Person | None:
    """Return one person."""
    user = await people.find(uow, user_id)
    return _person(user) if user is not None else None


async def list_people(uow: Uow, actor: Actor) -> list[Person]:
    """Return everybody by name. Raises ForbiddenError."""
    authz.enter(actor, Action.PERSON_READ)
    return [_person(user) for user in await people.list_(uow)]


async def create_person(uow: Uow, actor: Actor, name: str) -> tuple[Person, str]:
    """Make an account; return it with a token for the link that sets its password."""
    authz.enter(actor, Action.PERSON_MANAGE)
    user = await _add(uow, name)
    return _person(user), await sessions.issue_link(uow, user.id, sessions.RESET)


async def set_platform_roles(
    uow: Uow, actor: Actor, user_id: str, roles: Mapping[str, bool]
) -> Person:
    """Make somebody a platform admin or auditor, or no longer."""
    user = await _get(uow, actor, user_id)
    admin = roles.get("admin", user.admin)
    if user.admin and not admin:
        await _keep_an_admin(uow, user_id)
    user.admin, user.auditor = admin, roles.get("auditor", user.auditor)
    return _person(user)


async def disable_person(uow: Uow, actor: Actor, user_id: str) -> None:
    """Shut somebody out at once: their sessions, links and tokens end."""
    user = await _get(uow, actor, user_id)
    if user.admin:
        await _keep_an_admin(uow, user_id)
    user.disabled_at = user.disabled_at or clock.utc_now()
    await credentials.end_sessions(uow, user_id)
    await credentials.end_links(uow, user_id, clock.utc_now())
    await credentials.delete_tokens(uow, user_id)


async def enable_person(uow: Uow, actor: Actor, user_id: str) -> None:
    """Let somebody in again, and forget their failed attempts."""
    user = await _get(uow, actor, user_id)
    user.disabled_at = None
    await lockout.unlock(uow, user.name)


async def issue_reset(
    uow: Uow, actor: Actor, user_id: str, *, drop_second_factor: bool = False
) -> str:
    """Return a token for a link that sets a new password, once, within a day."""
    user = await _get(uow, actor, user_id)
    return await reset_token(uow, user.id, drop_second_factor=drop_second_factor)


async def reset_token(uow: Uow, user_id: str, *, drop_second_factor: bool = False) -> str:
    """Return a token for a reset link; for whoever administers the server."""
    purpose = sessions.RESET_ALL if drop_second_factor else sessions.RESET
    return await sessions.issue_link(uow, user_id, purpose)


async def find_reset(uow: Uow, token: str) -> Person | None:
    """Return whose password a link sets, without using it up."""
    for purpose in (sessions.RESET, sessions.RESET_ALL):
        found = await credentials.find_open_link(
            uow, ids.token_hash(token), purpose, clock.utc_now()
        )
        if found is not None:
            return await find_person(uow, found.user_id)
    return None


async def reset_password(database: Database, doors: Doors, token: str, password: Secret) -> Person:
    """Use a link up and set a password; all sessions end. Raises LinkUsedError."""
    async with database.read() as uow:
        person = await find_reset(uow, token)
    if person is None or person.disabled:
        raise _link_used()
    await check_password(database, password, person.name)
    hashed = await doors.passwords.hash(password)
    async with database.write() as uow:
        now, token_hash = clock.utc_now(), ids.token_hash(token)
        user_id = await credentials.use_link(uow, token_hash, sessions.RESET, now)
        everything = None if user_id else sessions.RESET_ALL
        if everything is not None:
            user_id = await credentials.use_link(uow, token_hash, everything, now)
        user = await people.find(uow, user_id or "")
        if user is None:
            raise _link_used()
        if everything is not None:
            await second_factor.switch_off(uow, doors.vault, user)
        await _set_password(uow, user, hashed)
        await lockout.unlock(uow, user.name)
    return _person(user)


async def change_password(
    database: Database, doors: Doors, actor: Actor, new: Secret, *, current: Secret, client: Client
) -> None:
    """Set a password of one's own; other sessions end.

    Raises TooManyAttemptsError and InvalidRequestError.
    """
    await check_password(database, new, actor.name)
    await signing_in.confirm_password(database, doors, actor, current, client)
    hashed = await doors.passwords.hash(new)
    async with database.write() as uow:
        user = await people.find(uow, actor.user_id)
        if user is not None:
            await _set_password(uow, user, hashed, keep=actor.credential)


async def join(
    database: Database, doors: Doors, token: str, name: str, password: Secret
) -> tuple[str, members.Invitation]:
    """Make an account for the holder of an invitation; return its id.

    Raises LinkUsedError, InvalidRequestError and NameTakenError, and then nothing is made.
    """
    await check_password(database, password, name)
    hashed = await doors.passwords.hash(password)
    async with database.write() as uow:
        if await members.find_invitation(uow, token) is None:
            raise _link_used()
        user = await _add(uow, name)
        await _set_password(uow, user, hashed)
        return user.id, await members.accept_invitation(uow, user.id, token)


async def check_password(database: Database, password: Secret, name: str) -> None:
    """Pass, or raise InvalidRequestError with what is wrong with a new password."""
    async with database.read() as uow:
        shortest = await platform_settings.get(uow, settings.PASSWORD_SHORTEST)
    problem = rules.password_problem(password.reveal(), name, shortest)
    if problem is not None:
        raise InvalidRequestError("This password will not do", fields={"password": problem})


async def _set_password(uow: Uow, user: UserRow, hashed: str, keep: str = "") -> None:
    user.password_hash, user.password_set_at = hashed, clock.utc_now()
    await credentials.end_sessions(uow, user.id, keep=keep)
    await credentials.end_links(uow, user.id, clock.utc_now())


async def _add(uow: Uow, name: str) -> UserRow:
    if not rules.is_login(name):
        raise InvalidRequestError("The name does not fit", fields={"name": rules.LOGIN_HELP})
    if await people.find_by_name(uow, name) is not None:
        raise NameTakenError("Somebody has this name", fields={"name": "This name is taken"})
    user = UserRow(id=ids.new_id(), name=name, admin=False, created_at=clock.utc_now())
    uow.session.add(user)
    await uow.session.flush()
    return user


async def _get(uow: Uow, actor: Actor, user_id: str) -> UserRow:
    authz.enter(actor, Action.PERSON_MANAGE)
    user = await people.find(uow, user_id)
    if user is None:
        raise NotFoundError("There is no such person")
    return user


async def _keep_an_admin(uow: Uow, user_id: str) -> None:
    if not await people.count_other_admins(uow, user_id):
        raise LastOwnerError(
            "This is the platform's last admin", hint="Make somebody else an admin first"
        )


def _person(user: UserRow) -> Person:
    return Person(
        id=user.id,
        name=user.name,
        admin=user.admin,
        auditor=user.auditor,
        has_password=user.password_hash is not None,
        second_factor=user.totp_since is not None,
        disabled=user.disabled_at is not None,
        created_at=user.created_at,
    )


def _link_used() -> LinkUsedError:
    return LinkUsedError(
        "This link was used already or has expired", hint="Ask whoever sent it for another one"
    )
