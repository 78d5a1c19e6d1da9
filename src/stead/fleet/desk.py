"""What the fleet's pages share: who asks, and the page of one machine."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from stead.agents.public import JobsWanted
from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.settings import Settings
from stead.fleet import installs, service, tasks, views
from stead.fleet.schemas import MachineKind
from stead.ui.console import Console

REFRESH_SECONDS: Final = 5
LATEST: Final = 10


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page here works with."""

    request: Request
    actor: Actor
    database: Database
    console: Console
    settings: Settings

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for whoever asked."""
        return self.console.page(
            self.request, template, viewer=self.actor, status=status, **values
        )


async def _desk(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    console: Annotated[Console, Depends(provided(Console))],
    settings: Annotated[Settings, Depends(provided(Settings))],
) -> Desk:
    return Desk(request, actor, database, console, settings)


DeskDep = Annotated[Desk, Depends(_desk)]


async def show_machine(desk: Desk, machine_id: str, error: SteadError | None = None) -> Response:
    """Return the page of a machine, with what was wrong about a form on it."""
    async with desk.database.read() as uow:
        found = await service.get_(uow, desk.actor, machine_id)
        packages = await installs.list_(uow, desk.actor, machine_id)
        jobs = await service.list_jobs(uow, desk.actor, found.id, JobsWanted(LATEST))
    manages = authz.allows(desk.actor, Action.SERVER_MANAGE, found.project_id)
    administers = authz.allows(desk.actor, Action.JOB_ADMINISTER, found.project_id)
    runs = authz.allows(desk.actor, Action.JOB_RUN, found.project_id)
    return desk.page(
        "fleet/show.html",
        status=200 if error is None else 422,
        one=found,
        badge=views.health(found),
        outdated=views.OUTDATED,
        packages=packages,
        jobs=[(one, views.job(one)) for one in jobs],
        commands=[one for one in tasks.list_commands() if administers or one.least == "developer"],
        runs=runs,
        administers=administers,
        manages=manages and found.kind is MachineKind.SERVER,
        error=error,
        refresh=REFRESH_SECONDS,
    )
