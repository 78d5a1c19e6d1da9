"""What is known about agents from outside: when they called last, and what they do now."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from stead.agents import repository
from stead.agents.models import AgentRow, JobRow
from stead.core.db import Uow
from stead.kit import clock

# Three polls in a row did not come.
STALE_AFTER: Final = timedelta(seconds=90)


class Health(StrEnum):
    """Whether an agent is there."""

    ONLINE = "online"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Work:
    """A job that an agent runs, or is to run next."""

    job_id: str
    operation_id: str
    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """An agent as it was last heard of."""

    agent_id: str
    version: str
    health: Health
    seen_at: datetime
    enrolled_at: datetime
    load: float | None
    facts: Mapping[str, str]
    running: Work | None
    waiting: int


async def list_sightings(uow: Uow, instance_ids: Collection[str]) -> dict[str, Sighting]:
    """Return the agents of these instances and servers; those that have none are left out."""
    jobs: defaultdict[str, list[JobRow]] = defaultdict(list)
    for job in await repository.open_jobs(uow, instance_ids):
        jobs[job.instance_id].append(job)
    now = clock.utc_now()
    return {
        row.instance_id: _sighting(row, jobs[row.instance_id], now)
        for row in await repository.list_agents(uow, instance_ids)
    }


def _sighting(row: AgentRow, jobs: list[JobRow], now: datetime) -> Sighting:
    running = next((job for job in jobs if job.state == "claimed"), None)
    stale = now - row.last_seen_at > STALE_AFTER
    return Sighting(
        agent_id=row.id,
        version=row.version,
        health=Health.STALE if stale else Health.ONLINE,
        seen_at=row.last_seen_at,
        enrolled_at=row.enrolled_at,
        load=row.load,
        facts=row.facts,
        running=_work(running) if running is not None else None,
        waiting=sum(job.state == "queued" for job in jobs),
    )


def _work(row: JobRow) -> Work:
    return Work(row.id, row.operation_id, f"{row.script} of {row.package_id}", row.created_at)
