"""Organisations and projects: make, rename, archive and bring back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stead.core import authz, platform_settings
from stead.core.authz import Action, Actor, NotFoundError, Role
from stead.core.db import Uow
from stead.identity import rules, settings
from stead.identity.errors import (
    ArchivedError,
    InvalidRequestError,
    NameTakenError,
    StillUsedError,
)
from stead.identity.models import OrganisationRow, ProjectRow
from stead.identity.repository import limits, projects as repository
from stead.kit import clock, ids
from stead.kit.text import is_name

DEFAULT_ORGANISATION: Final = "default"


@dataclass(frozen=True, slots=True)
class Organisation:
    """What holds projects together."""

    id: str
    name: str
    created_at: datetime
    archived: bool


@dataclass(frozen=True, slots=True)
class Project:
    """A project, and the asking person's role in it if they have one."""

    id: str
    name: str
    role: Role | None
    organisation_id: str | None
    organisation: str
    created_at: datetime
    archived: bool


async def create_project(
    uow: Uow, actor: Actor, name: str, organisation: str = DEFAULT_ORGANISATION
) -> Project:
    """Make a project whose owner is the actor. Raises ForbiddenError and NameTakenError."""
    authz.enter(actor, Action.PROJECT_CREATE)
    _check_name(name)
    holder = await repository.find_organisation_by_name(uow, organisation)
    if holder is None or holder.archived_at is not None:
        raise NotFoundError("There is no such organisation")
    if await repository.find_by_name(uow, name) is not None:
        raise _taken("project", name)
    row = ProjectRow(
        id=ids.new_id(), name=name, organisation_id=holder.id, created_at=clock.utc_now()
    )
    uow.session.add(row)
    await uow.session.flush()
    await repository.set_role(uow, row.id, actor.user_id, Role.OWNER)
    await limits.replace_limits(uow, row.id, await _first_limits(uow))
    return _project(row, Role.OWNER, holder.name)


async def _first_limits(uow: Uow) -> dict[str, int]:
    found = {
        resource.value: await platform_settings.get(uow, setting)
        for resource, setting in settings.PROJECT_LIMITS.items()
    }
    return {name: amount for name, amount in found.items() if amount is not None}


async def list_projects(
    uow: Uow, actor: Actor, *, archived: bool = False, mine: bool = False
) -> list[Project]:
    """Return the projects that the actor may see; ``mine`` leaves out those seen by office."""
    rows = await _seen(uow, actor, archived=archived, mine=mine)
    names = {one.id: one.name for one in await repository.organisations(uow)}
    return [
        _project(row, actor.projects.get(row.id), names.get(row.organisation_id or "", ""))
        for row in rows
    ]


async def _seen(
    uow: Uow, actor: Actor, *, archived: bool = False, mine: bool = False
) -> list[ProjectRow]:
    seen = authz.where_allowed(actor, Action.PROJECT_READ)
    rows = await repository.list_(uow, frozenset(actor.projects) if mine else seen)
    return [row for row in rows if archived or row.archived_at is None]


async def get_project(uow: Uow, actor: Actor, project_id: str) -> Project:
    """Return one project. Raises NotFoundError."""
    row = await get_row(uow, actor, project_id, Action.PROJECT_READ)
    holder = await repository.find_organisation(uow, row.organisation_id or "")
    name = holder.name if holder is not None else ""
    return _project(row, actor.projects.get(row.id), name)


async def project_id(uow: Uow, actor: Actor, name: str | None) -> str:
    """Return the id of the project of this name that the actor sees, or of their only one."""
    known = await _seen(uow, actor, mine=name is None)
    for project in known:
        if project.name == name or (name is None and len(known) == 1):
            return project.id
    if name is None:
        raise NotFoundError(
            "Name a project: you are a member of several or of none",
            fields={"project": _choose(known)},
        )
    raise NotFoundError("There is no such project, or it is not yours")


def _choose(known: Sequence[ProjectRow]) -> str:
    names = ", ".join(project.name for project in known)
    return f"Choose one of: {names}" if names else "Ask a maintainer of one to invite you"


async def find_project_id(uow: Uow, name: str) -> str | None:
    """Return the id of the project of this name, whoever asks."""
    row = await repository.find_by_name(uow, name)
    return row.id if row is not None else None


async def find_project_name(uow: Uow, project_id: str) -> str:
    """Return a project's name, whoever asks; nothing when it is not there."""
    row = await repository.find(uow, project_id)
    return row.name if row is not None else ""


async def rename_project(uow: Uow, actor: Actor, project_id: str, name: str) -> Project:
    """Give a project another name. Its things keep theirs."""
    row = await get_row(uow, actor, project_id, Action.PROJECT_UPDATE)
    _check_name(name)
    if name != row.name and await repository.find_by_name(uow, name) is not None:
        raise _taken("project", name)
    row.name = name
    await uow.session.flush()
    return await get_project(uow, actor, project_id)


async def archive_project(uow: Uow, actor: Actor, project_id: str) -> None:
    """Close a project that holds nothing any more; twice is fine."""
    row = await get_row(uow, actor, project_id, Action.PROJECT_ARCHIVE)
    if not await repository.lock(uow, project_id):
        return
    used = {name: n for name, n in (await limits.usage(uow, project_id)).items() if n}
    if used:
        left = ", ".join(f"{n} {rules.LABELS[rules.Resource(name)]}" for name, n in used.items())
        raise StillUsedError(
            f"{row.name} still uses {left}", hint="Remove its deployments first, then archive it"
        )
    row.archived_at = clock.utc_now()


async def restore_project(uow: Uow, actor: Actor, project_id: str) -> None:
    """Open an archived project again; twice is fine."""
    row = await get_row(uow, actor, project_id, Action.PROJECT_ARCHIVE)
    if await repository.lock(uow, project_id, archived=True):
        row.archived_at = None


async def list_organisations(uow: Uow, actor: Actor) -> list[Organisation]:
    """Return all organisations. Raises ForbiddenError."""
    authz.enter(actor, Action.ORGANISATION_READ)
    return [_organisation(row) for row in await repository.organisations(uow)]


async def create_organisation(uow: Uow, actor: Actor, name: str) -> Organisation:
    """Make an organisation. Raises ForbiddenError and NameTakenError."""
    authz.enter(actor, Action.ORGANISATION_MANAGE)
    _check_name(name)
    if await repository.find_organisation_by_name(uow, name) is not None:
        raise _taken("organisation", name)
    return _organisation(await _add_organisation(uow, name))


async def rename_organisation(
    uow: Uow, actor: Actor, organisation_id: str, name: str
) -> Organisation:
    """Give an organisation another name. Raises ForbiddenError and NameTakenError."""
    authz.enter(actor, Action.ORGANISATION_MANAGE)
    row = await _get_organisation(uow, organisation_id)
    _check_name(name)
    if name != row.name and await repository.find_organisation_by_name(uow, name) is not None:
        raise _taken("organisation", name)
    row.name = name
    return _organisation(row)


async def archive_organisation(uow: Uow, actor: Actor, organisation_id: str) -> None:
    """Close an organisation whose projects are all archived; twice is fine."""
    authz.enter(actor, Action.ORGANISATION_MANAGE)
    row = await _get_organisation(uow, organisation_id)
    left = await repository.count_projects(uow, organisation_id)
    if left:
        raise StillUsedError(f"{row.name} still has {left} projects", hint="Archive them first")
    row.archived_at = row.archived_at or clock.utc_now()


async def restore_organisation(uow: Uow, actor: Actor, organisation_id: str) -> None:
    """Open an archived organisation again; twice is fine."""
    authz.enter(actor, Action.ORGANISATION_MANAGE)
    (await _get_organisation(uow, organisation_id)).archived_at = None


async def ensure_organisation(uow: Uow, name: str = DEFAULT_ORGANISATION) -> str:
    """Return the id of the organisation of this name, which is made if it is not there."""
    found = await repository.find_organisation_by_name(uow, name)
    return found.id if found is not None else (await _add_organisation(uow, name)).id


async def get_row(uow: Uow, actor: Actor, project_id: str, asked: Action) -> ProjectRow:
    """Return a project in which the actor may do this. Raises NotFoundError, ForbiddenError."""
    row = await repository.find(uow, project_id)
    if row is None:
        raise NotFoundError("There is no such project, or it is not yours")
    authz.require(actor, asked, project_id, "project")
    return row


async def take_turn(uow: Uow, project_id: str) -> None:
    """Let changes of one project happen one after the other, up to the commit.

    Nothing changes in an archived one: raises ArchivedError.
    """
    if not await repository.lock(uow, project_id):
        raise ArchivedError(
            "The project is archived", hint="An owner can bring it back from the project's page"
        )


async def _add_organisation(uow: Uow, name: str) -> OrganisationRow:
    row = OrganisationRow(id=ids.new_id(), name=name, created_at=clock.utc_now())
    uow.session.add(row)
    await uow.session.flush()
    return row


async def _get_organisation(uow: Uow, organisation_id: str) -> OrganisationRow:
    row = await repository.find_organisation(uow, organisation_id)
    if row is None:
        raise NotFoundError("There is no such organisation")
    return row


def _check_name(name: str) -> None:
    if not is_name(name):
        raise InvalidRequestError(
            "The name does not fit",
            fields={
                "name": "Up to 40 lower-case letters, digits and hyphens, beginning with a letter"
            },
        )


def _taken(what: str, name: str) -> NameTakenError:
    return NameTakenError(
        f"There is already {'an' if what[0] in 'aeiou' else 'a'} {what} named {name}",
        fields={"name": "This name is taken"},
    )


def _project(row: ProjectRow, role: Role | None, organisation: str) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        role=role,
        organisation_id=row.organisation_id,
        organisation=organisation,
        created_at=row.created_at,
        archived=row.archived_at is not None,
    )


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(row.id, row.name, row.created_at, archived=row.archived_at is not None)
