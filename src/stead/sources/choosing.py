"""Use cases of projects: which of the accepted sources they take packages from."""

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.identity import public as identity
from stead.kit import clock
from stead.sources import repository, service
from stead.sources.errors import NotAcceptedError
from stead.sources.models import ProjectSourceRow
from stead.sources.schemas import ChoiceOut


async def list_choices(uow: Uow, actor: Actor, project_id: str) -> list[ChoiceOut]:
    """Return the sources that a project can use, by name."""
    await _require(uow, actor, Action.PROJECT_READ, project_id)
    accepted = await repository.current(uow, repository.ACCEPTED)
    known = await repository.all_packages(uow, [one.id for one in accepted.values()])
    users = await repository.users(uow)
    return [
        ChoiceOut(
            id=row.id,
            name=row.name,
            url=row.url,
            revision=row.revision,
            packages=[one.name for one in known[accepted[row.id].id] if not one.problems],
            used=project_id in users.get(row.id, frozenset()),
        )
        for row in await repository.list_(uow)
        if row.revision is not None and row.id in accepted
    ]


async def use(uow: Uow, actor: Actor, project_id: str, source_id: str) -> None:
    """Let a project use a source; twice is fine. Raises NotFound and NotAccepted."""
    await _require(uow, actor, Action.PROJECT_UPDATE, project_id)
    row = await service.find(uow, source_id)
    if row.revision is None:
        raise NotAcceptedError(f"No platform admin has accepted anything of {row.name} yet")
    if await repository.find_user(uow, project_id, row.id) is None:
        chosen = ProjectSourceRow(project_id=project_id, source_id=row.id)
        chosen.chosen_by, chosen.chosen_at = actor.name[:120], clock.utc_now()
        uow.session.add(chosen)
        await uow.session.flush()
    uow.wake(service.TOPIC)


async def leave(uow: Uow, actor: Actor, project_id: str, source_id: str) -> None:
    """Let a project use a source no more; what it installed stays. Twice is fine."""
    await _require(uow, actor, Action.PROJECT_UPDATE, project_id)
    row = await service.find(uow, source_id)
    chosen = await repository.find_user(uow, project_id, row.id)
    if chosen is not None:
        await uow.session.delete(chosen)
    uow.wake(service.TOPIC)


async def _require(uow: Uow, actor: Actor, asked: Action, project_id: str) -> None:
    authz.require(actor, asked, project_id, "project")
    if not await identity.find_project_name(uow, project_id):
        raise authz.NotFoundError("There is no such project, or it is not yours")
