"""What is known about agents from outside: when they called last, and what they do now."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from stead.agents import distribution, repository
from stead.agents.models import AgentRow, JobRow
from stead.agents.rules import JobsWanted, Limits
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
    outdated: bool
    health: Health
    seen_at: datetime
    enrolled_at: datetime
    load: float | None
    facts: Mapping[str, str]
    running: Sequence[Work]
    waiting: int
    limits: Limits
    transport: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it: no inputs, no output."""

    id: str
    instance_id: str
    operation_id: str
    what: str
    kind: str
    app: str | None
    state: str
    outcome: str | None
    exit_code: int | None
    reason: str
    requested_by: str
    attempt: int
    created_at: datetime
    finished_at: datetime | None


async def list_jobs(uow: Uow, instance_ids: Collection[str], wanted: JobsWanted) -> list[JobView]:
    """Return jobs of these instances and servers."""
    rows = await repository.list_jobs(uow, instance_ids, wanted)
    return [
        JobView(
            id=row.id,
            instance_id=row.instance_id,
            operation_id=row.operation_id,
            what=describe_job(row),
            kind=row.kind,
            app=row.package_id or None,
            state=row.state,
            outcome=row.outcome,
            exit_code=row.exit_code,
            reason=row.reason,
            requested_by=row.requested_by,
            attempt=row.attempt,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
        for row in rows
    ]


async def find_operation_id(uow: Uow, job_id: str) -> str | None:
    """Return the operation that a job belongs to, whoever asks."""
    row = await repository.find_job(uow, job_id)
    return row.operation_id if row is not None else None


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
    stale = now - row.last_seen_at > STALE_AFTER
    return Sighting(
        agent_id=row.id,
        version=row.version,
        # One that does not say what it runs is from before they did.
        outdated=row.program != distribution.program().digest,
        health=Health.STALE if stale else Health.ONLINE,
        seen_at=row.last_seen_at,
        enrolled_at=row.enrolled_at,
        load=row.load,
        facts=row.facts,
        running=[_work(job) for job in jobs if job.state == "claimed"],
        waiting=sum(job.state == "queued" for job in jobs),
        limits=Limits(row.changing_limit, row.quick_limit),
        transport=row.transport,
    )


def _work(row: JobRow) -> Work:
    return Work(row.id, row.operation_id, describe_job(row), row.created_at)


def describe_job(row: JobRow) -> str:
    """Return what a job does, in a few words."""
    if row.kind == "package":
        return f"{row.script} of {row.package_id}"
    return describe(row.kind, row.arguments)


def describe(kind: str, arguments: Mapping[str, object]) -> str:
    """Return what a job other than an installer does, in a few words."""
    words = [str(arguments[name]) for name in _TELLING if arguments.get(name)]
    if kind == "updates":
        words = ["install"] if str(arguments.get("apply")).lower() == "true" else ["list"]
    if kind == "update":
        words = ["the agent to", str(arguments.get("version"))]
    return " ".join(words if kind == "command" else [kind, *words])


# The arguments that say what a job is about.
_TELLING: Final = ("command", "action", "service", "file", "target", "host", "folder")
