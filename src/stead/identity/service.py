"""Use cases of identity: sign in by link, recognise sessions and tokens, manage tokens."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stead.core import trail
from stead.core.authz import Actor, NotFoundError, Role, UnauthenticatedError
from stead.core.db import Uow
from stead.identity import repository
from stead.identity.models import (
    MembershipRow,
    ProjectRow,
    SessionRow,
    SignInLinkRow,
    UserRow,
)
from stead.kit import clock, ids

LINK_LIFE: Final = timedelta(hours=1)
SESSION_LIFE: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Project:
    """A project and the asking member's role in it."""

    id: str
    name: str
    role: Role


async def ensure_admin(uow: Uow, name: str, project: str) -> str:
    """Create the first person and project unless they are there; return the person's id."""
    now = clock.utc_now()
    user = await repository.find_user_by_name(uow, name)
    if user is None:
        user = UserRow(id=ids.new_id(), name=name, admin=True, created_at=now)
        uow.session.add(user)
    found = await repository.find_project_by_name(uow, project)
    if found is None:
        found = ProjectRow(id=ids.new_id(), name=project, created_at=now)
        uow.session.add(found)
    await uow.session.flush()
    await uow.session.merge(
        MembershipRow(user_id=user.id, project_id=found.id, role=Role.OWNER.value)
    )
    return user.id


async def find_user_id(uow: Uow, name: str) -> str | None:
    user = await repository.find_user_by_name(uow, name)
    return user.id if user is not None else None


async def issue_link(uow: Uow, user_id: str) -> str:
    """Return a token that signs this person in once within the hour."""
    token = ids.new_token("stl")
    expires = clock.utc_now() + LINK_LIFE
    uow.session.add(
        SignInLinkRow(token_hash=ids.token_hash(token), user_id=user_id, expires_at=expires)
    )
    return token


async def link_is_open(uow: Uow, token: str) -> bool:
    return await repository.link_is_open(uow, ids.token_hash(token), clock.utc_now())


async def redeem_link(uow: Uow, token: str) -> str:
    """Use a link up and return a session token. Raises UnauthenticatedError."""
    now = clock.utc_now()
    user_id = await repository.use_link(uow, ids.token_hash(token), now)
    if user_id is None:
        raise UnauthenticatedError(
            "This sign-in link was used already or has expired",
            hint="Make a new one on the server with: stead admin sign-in-link",
        )
    user = await repository.find_user(uow, user_id)
    trail.note_actor(user_id, user.name if user is not None else "")
    session = ids.new_token("sts")
    uow.session.add(
        SessionRow(
            token_hash=ids.token_hash(session),
            user_id=user_id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    return session


def csrf_token(session: str) -> str:
    """Return the token that forms of this session must carry."""
    return hmac.new(session.encode(), b"stead-csrf-v1", hashlib.sha256).hexdigest()


async def end_session(uow: Uow, session: str) -> None:
    await repository.end_session(uow, ids.token_hash(session))


async def list_projects(uow: Uow, actor: Actor) -> list[Project]:
    """Return the actor's projects; a token that is limited to one sees no other."""
    rows = await repository.projects_of(uow, actor.user_id)
    return [
        Project(project.id, project.name, Role(role))
        for project, role in rows
        if project.id in actor.projects
    ]


async def project_id(uow: Uow, actor: Actor, name: str | None) -> str:
    """Return the id of the actor's project of this name, or of the only one."""
    projects = await list_projects(uow, actor)
    for project in projects:
        if project.name == name or (name is None and len(projects) == 1):
            return project.id
    if name is None:
        raise NotFoundError(
            "Name a project: you are a member of several or of none",
            fields={"project": "Choose one of: " + ", ".join(p.name for p in projects)},
        )
    raise NotFoundError("There is no such project, or it is not yours")
