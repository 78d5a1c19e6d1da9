"""The look at a repository: the one place of sources that goes to the network."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stead.catalog import public as catalog
from stead.core import log
from stead.core.blobs import Blobs
from stead.core.db import Database, Uow
from stead.core.durable import Json, Limit, Plan, Step, StepContext, StepError
from stead.core.durable.schedule import Schedule
from stead.core.errors import SteadError
from stead.core.outbound import Outbound
from stead.core.vault import Vault
from stead.kit import clock, cron
from stead.sources import checks, deciding, git, reading, repository, service
from stead.sources.git import Remote
from stead.sources.reading import Found
from stead.sources.service import Sources

QUARTERLY: Final = "*/15 * * * *"
STEP_SECONDS: Final = 900
# One look at a time, so others may be before it; the next one is asked for soon anyway.
DEADLINE_SECONDS: Final = 4 * 3600.0
_TOLD: Final = 500
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a look needs. ``folder`` is emptied before and after."""

    database: Database
    vault: Vault
    blobs: Blobs
    outbound: Outbound
    folder: Path


def refresh_plan(tools: Tools) -> Plan:
    """Return the plan that looks what branches hold now, and proposes what is new."""

    async def look(context: StepContext) -> Mapping[str, Json]:
        proposed: list[Json] = []
        failed: list[SteadError] = []
        for source_id in _sources(context):
            try:
                name = await _look(tools, source_id, tools.folder / context.operation_id)
                proposed += [name] if name else []
            except SteadError as error:
                failed.append(error)
                await _note(tools.database, source_id, error)
                await context.emit("log", {"text": error.message})
        if failed and context.params.get("strict"):
            raise StepError(failed[0].message, hint=failed[0].hint) from failed[0]
        return {"proposed": proposed, "failed": len(failed)}

    def limits(_context: StepContext) -> Sequence[Limit]:
        return [Limit("sources", 1)]

    step = Step(
        "look",
        "Fetch, verify and compare",
        look,
        attempts=1,
        limit_seconds=STEP_SECONDS,
        limits=limits,
    )
    return Plan("sources.refresh", 1, (step,), repeatable=True, deadline_seconds=DEADLINE_SECONDS)


def refresh_schedule(sources: Sources) -> Schedule:
    """Return the schedule that looks at every source each quarter of an hour."""

    async def submit(uow: Uow, key: str) -> str | None:
        return await service.submit_all(uow, sources, by="Stead", key=key)

    return Schedule("sources.refresh", cron.parse(QUARTERLY), submit)


def _sources(context: StepContext) -> list[str]:
    given = context.params["sources"]
    return [str(one) for one in given] if isinstance(given, list) else []


async def _look(tools: Tools, source_id: str, folder: Path) -> str:
    """Look at one source; return its name if it proposes something."""
    async with tools.database.read() as uow:
        row = await repository.find(uow, source_id)
        secrets = await tools.vault.all_of(uow, source_id)
    if row is None:
        return ""
    place = checks.address(row.url)
    addresses = await tools.outbound.locate(place.host.strip("[]"), place.port)
    remote = Remote(
        place=place,
        endpoints=tuple(str(one) for one in addresses),
        ref=row.ref,
        authority=row.authority,
        host_keys=tuple(row.host_keys),
        key=secrets.get(service.KEY),
        token=secrets.get(service.TOKEN),
    )
    try:
        await asyncio.to_thread(git.clear, folder)
        commit = await git.fetch(folder, remote)
        signer = await git.signer(folder, commit, row.signers) if row.signers else ""
        found = await reading.packages(folder, commit, row.folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    kept = [(one, await asyncio.to_thread(_keep, tools.blobs, one)) for one in found]
    async with tools.database.write() as uow:
        fresh = await repository.lock(uow, source_id)
        if fresh is None or (fresh.url, fresh.folder) != (row.url, row.folder):
            return ""
        new = await deciding.record(uow, fresh, commit, signer, kept)
    return row.name if new else ""


def _keep(blobs: Blobs, found: Found) -> str | None:
    return blobs.put(catalog.pack(found.files)) if found.digest is not None else None


async def _note(database: Database, source_id: str, error: SteadError) -> None:
    logger.warning("source.look.failed", source=source_id, reason=error.message)
    async with database.write() as uow:
        row = await repository.lock(uow, source_id)
        if row is not None:
            row.checked_at, row.problem = clock.utc_now(), error.message[:_TOLD]
