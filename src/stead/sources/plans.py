"""Puts sources together for the composition root: the plan, its schedule, and who keeps up."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Final

from stead.catalog import public as catalog
from stead.catalog.public import Catalog
from stead.core import log
from stead.core.blobs import Blobs
from stead.core.db import Database
from stead.core.durable import Plan
from stead.core.durable.schedule import Schedule
from stead.core.errors import SteadError
from stead.core.http import Provided
from stead.core.outbound import Outbound
from stead.core.settings import Settings
from stead.core.vault import Vault
from stead.sources import service, workflows
from stead.sources.service import Sources, Uses
from stead.sources.shelf import Shelf

# Published when somebody sends the serving process SIGHUP.
HANGUP: Final = "process.hangup"
_LONG_SECONDS: Final = 3600
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs with the control plane."""

    plan: Plan
    schedule: Schedule
    shelf: Shelf
    company: tuple[Callable[[], Coroutine[None, None, None]], ...]


def add(services: Provided, uses: tuple[Uses, ...]) -> Parts:
    """Offer sources among the services. The shelf is not filled yet."""
    settings, database = services.get(Settings).server, services.get(Database)
    blobs, live = services.get(Blobs), services.get(Catalog)
    folders = (*settings.packages, catalog.BUILT_IN)
    tools = workflows.Tools(
        database=database,
        vault=services.get(Vault),
        blobs=blobs,
        outbound=services.get(Outbound),
        folder=settings.data_dir / "sources",
    )
    plan = workflows.refresh_plan(tools)
    sources = Sources(live, tools.vault, plan, folders, uses)
    services.add(sources)
    own = Catalog(live.packages, live.broken)
    shelf = Shelf(database, blobs, live, folders, own)
    company = (shelf.run, partial(obey_hangups, database, sources))
    return Parts(plan, workflows.refresh_schedule(sources), shelf, company)


async def obey_hangups(database: Database, sources: Sources) -> None:
    """Look for news everywhere whenever SIGHUP came, until cancelled."""
    seen = database.bus.version(HANGUP)
    while True:
        if not await database.bus.changed(HANGUP, seen, _LONG_SECONDS):
            continue
        seen = database.bus.version(HANGUP)
        try:
            async with database.write() as uow:
                await service.submit_all(uow, sources, by="SIGHUP")
        except SteadError as error:
            logger.warning("sources.refresh.not_queued", reason=error.message)
