"""All SQL of agents."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update
from sqlalchemy.dialects import sqlite

from stead.agents.models import AgentRow, EnrolmentRow, JobRow, NonceRow
from stead.agents.rules import MAX_ATTEMPTS, HeldJob, JobsWanted, Limits, OpenJob
from stead.core import epoch
from stead.core.db import DatabaseNow, Found, Uow, platform_wide
from stead.core.vault import sealed

# Under what name the vault keeps an agent's key, with the agent's id as its owner.
KEY: Final = "key"
# What agents say about themselves besides being there.
TOLD: Final = ("version", "load", "program", "transport")
_BATCH: Final = 500
# Without objects, which would cost more than the query: this happens at every request.
_AGENT: Final = AgentRow.metadata.tables[AgentRow.__tablename__]
_NONCE: Final = NonceRow.metadata.tables[NonceRow.__tablename__]
_KNOWN: Final = select(
    _AGENT.c.instance_id,
    _AGENT.c.last_seen_at,
    _AGENT.c.load,
    _AGENT.c.enrolled_at,
    _AGENT.c.program,
    _AGENT.c.transport,
    sealed(_AGENT.c.id, KEY).label("sealed_key"),
    DatabaseNow().label("now"),
).where(_AGENT.c.id == bindparam("agent_id"))
_ADD_NONCES: Final = (
    sqlite.insert(_NONCE).on_conflict_do_nothing().returning(_NONCE.c.agent_id, _NONCE.c.nonce)
)
_REMEMBER: Final = text(
    """
    with asked as (
      select * from unnest(
        cast(:b_agent_id as text[]), cast(:b_nonce as text[]), cast(:b_expires as float8[]),
        cast(:b_said as bool[]), cast(:b_version as text[]), cast(:b_load as float8[]),
        cast(:b_program as text[]), cast(:b_transport as text[])
      ) as t (agent_id, nonce, expires, said, version, load, program, transport)
    ), fresh as (
      insert into agent_nonce (agent_id, nonce, expires)
      select agent_id, nonce, expires from asked
      on conflict do nothing returning agent_id, nonce
    ), noted as (
      update agent set
        last_seen_at = :b_now,
        version = coalesce(t.version, agent.version), load = coalesce(t.load, agent.load),
        program = coalesce(t.program, agent.program),
        transport = coalesce(t.transport, agent.transport)
      from (
        select distinct on (agent_id) asked.* from asked join fresh using (agent_id, nonce)
        where said order by agent_id, nonce
      ) as t
      where agent.id = t.agent_id
    )
    select agent_id, nonce from fresh
    """
).bindparams(bindparam("b_now", type_=_AGENT.c.last_seen_at.type))


@dataclass(frozen=True, slots=True)
class Noted:
    """A request to be remembered, and what its agent tells with it, if it is to be noted."""

    expires: float
    said: bool = False
    version: str | None = None
    load: float | None = None
    program: str | None = None
    transport: str | None = None


def _or_kept(name: str) -> ColumnElement[Any]:
    column = _AGENT.c[name]
    return func.coalesce(bindparam(f"b_{name}", type_=column.type), column)


_NOTE: Final = (
    update(_AGENT)
    .where(_AGENT.c.id == bindparam("b_id"))
    .values(
        last_seen_at=bindparam("b_now", type_=_AGENT.c.last_seen_at.type),
        **{name: _or_kept(name) for name in TOLD},
    )
)

# What an agent may run at once, and its jobs that wait or that it holds: made once, for this is
# asked at every claim, and making it costs more than asking. More than these do not matter now.
_MOST_OPEN: Final = 200
_JOB: Final = JobRow.metadata.tables[JobRow.__tablename__]
_OPEN: Final = (
    select(
        _AGENT.c.changing_limit,
        _AGENT.c.quick_limit,
        DatabaseNow(),
        _JOB.c.id,
        _JOB.c.attempt,
        _JOB.c.lane,
        _JOB.c.state,
        _JOB.c.not_before,
        _JOB.c.epoch == epoch.query().scalar_subquery(),
    )
    .select_from(
        _AGENT.outerjoin(
            _JOB,
            (_JOB.c.instance_id == _AGENT.c.instance_id) & _JOB.c.state.in_(("queued", "claimed")),
        )
    )
    .where(_AGENT.c.instance_id == bindparam("of"))
    # Those that are held come first, so that none of them is left out.
    .order_by(_JOB.c.state, _JOB.c.id)
    .limit(_MOST_OPEN)
)

_FIND_HELD: Final = select(
    _JOB.c.instance_id,
    _JOB.c.operation_id,
    _JOB.c.step,
    _JOB.c.state,
    _JOB.c.attempt,
    _JOB.c.last_seq,
    _JOB.c.cancel_requested,
    _JOB.c.epoch == epoch.query().scalar_subquery(),
).where(_JOB.c.id == bindparam("job_id"))
_HOLD: Final = _FIND_HELD.with_for_update(of=_JOB)
_RESULT: Final = select(_JOB.c.outcome, _JOB.c.exit_code, _JOB.c.reason).where(
    _JOB.c.id == bindparam("job_id"), _JOB.c.state == "ended"
)
_PROLONG: Final = (
    update(_JOB)
    .where(_JOB.c.id == bindparam("b_id"))
    .values(
        last_seq=bindparam("b_last"),
        lease_until=DatabaseNow() + bindparam("b_seconds", type_=_JOB.c.lease_until.type),
    )
)


_NOTED: Final = tuple(one.name for one in fields(Noted))


async def find_enrolment(uow: Uow, token_hash: str) -> EnrolmentRow | None:
    return await uow.session.get(EnrolmentRow, token_hash)


async def enrolments_of(uow: Uow, instance_id: str) -> list[EnrolmentRow]:
    query = select(EnrolmentRow).where(EnrolmentRow.instance_id == instance_id)
    return list(await uow.session.scalars(query))


async def delete_enrolments(uow: Uow, instance_id: str) -> None:
    await uow.session.execute(delete(EnrolmentRow).where(EnrolmentRow.instance_id == instance_id))


async def find_agent(uow: Uow, agent_id: str) -> AgentRow | None:
    return await uow.session.get(AgentRow, agent_id)


async def look_up(uow: Uow, agent_id: str) -> Found | None:
    """Return of an agent only what every request of it needs, and the time."""
    rows = await uow.rows(_KNOWN, {"agent_id": agent_id})
    return rows[0] if rows else None


async def find_agent_of(uow: Uow, instance_id: str) -> AgentRow | None:
    row: AgentRow | None = await uow.session.scalar(
        select(AgentRow).where(AgentRow.instance_id == instance_id)
    )
    return row


async def list_agents(uow: Uow, instance_ids: Collection[str]) -> list[AgentRow]:
    rows: list[AgentRow] = []
    for some in _batches(instance_ids):
        rows += await uow.session.scalars(select(AgentRow).where(AgentRow.instance_id.in_(some)))
    return rows


async def open_jobs(uow: Uow, instance_ids: Collection[str]) -> list[JobRow]:
    """Return the jobs that wait or run, oldest first."""
    rows: list[JobRow] = []
    for some in _batches(instance_ids):
        rows += await uow.session.scalars(
            select(JobRow)
            .where(JobRow.instance_id.in_(some), JobRow.state.in_(("queued", "claimed")))
            .order_by(JobRow.id)
        )
    return rows


async def list_jobs(uow: Uow, instance_ids: Collection[str], wanted: JobsWanted) -> list[JobRow]:
    rows: list[JobRow] = []
    order = JobRow.id.desc() if wanted.descending else JobRow.id
    for some in _batches(instance_ids):
        query = select(JobRow).where(JobRow.instance_id.in_(some), *_wanted(wanted))
        rows += await uow.session.scalars(query.order_by(order).limit(wanted.limit))
    return sorted(rows, key=lambda row: row.id, reverse=wanted.descending)[: wanted.limit]


def _wanted(wanted: JobsWanted) -> list[ColumnElement[bool]]:
    place = JobRow.id < wanted.place if wanted.descending else JobRow.id > wanted.place
    return [
        *([JobRow.state.in_(wanted.states)] if wanted.states else []),
        *([JobRow.outcome.in_(wanted.outcomes)] if wanted.outcomes else []),
        *([JobRow.kind == wanted.kind] if wanted.kind is not None else []),
        *([JobRow.package_id == wanted.app] if wanted.app is not None else []),
        *([JobRow.requested_by == wanted.user] if wanted.user is not None else []),
        *([place] if wanted.place else []),
    ]


@platform_wide("figures of the whole platform, without names")
async def latest_ended(uow: Uow, limit: int) -> list[JobRow]:
    query = select(JobRow).where(JobRow.state == "ended").order_by(JobRow.id.desc())
    return list(await uow.session.scalars(query.limit(limit)))


@platform_wide("figures of the whole platform, without names")
async def count_open(uow: Uow) -> dict[str, int]:
    query = select(JobRow.state, func.count()).where(JobRow.state.in_(("queued", "claimed")))
    return {row[0]: row[1] for row in await uow.session.execute(query.group_by(JobRow.state))}


@platform_wide("figures of the whole platform, without names")
async def seen(uow: Uow) -> list[datetime]:
    """Return when each agent was last heard of."""
    return list(await uow.session.scalars(select(AgentRow.last_seen_at)))


def _batches(ids: Collection[str]) -> list[list[str]]:
    """Return the ids in parts that a statement may carry."""
    every = list(ids)
    return [every[n : n + _BATCH] for n in range(0, len(every), _BATCH)]


async def remember(
    uow: Uow, requests: Mapping[tuple[str, str], Noted], now: datetime
) -> set[tuple[str, str]]:
    """Write down agents' nonces, and of those that were new what their agents told.

    What they did not tell stays. A server is asked once, in the order of the agents: two
    processes that note the same ones must do so in the same order.
    """
    if not requests:
        return set()
    rows = [_row(*key, requests[key]) for key in sorted(requests)]
    if uow.session.get_bind().dialect.name != "sqlite":
        given = {f"b_{name}": [row[name] for row in rows] for name in rows[0]}
        return {(row[0], row[1]) for row in await uow.rows(_REMEMBER, given | {"b_now": now})}
    nonces = [{name: row[name] for name in ("agent_id", "nonce", "expires")} for row in rows]
    fresh = {(row[0], row[1]) for row in await uow.rows(_ADD_NONCES, nonces)}
    seen = [
        {"b_id": row["agent_id"], "b_now": now} | {f"b_{name}": row[name] for name in TOLD}
        for row in rows
        if row["said"] and (row["agent_id"], row["nonce"]) in fresh
    ]
    await uow.run([(_NOTE, seen)] if seen else [])
    return fresh


def _row(agent_id: str, nonce: str, noted: Noted) -> dict[str, object]:
    told = {name: getattr(noted, name) for name in _NOTED}
    return {"agent_id": agent_id, "nonce": nonce, **told}


async def forget_nonces(uow: Uow, before: float) -> None:
    await uow.session.execute(delete(NonceRow).where(NonceRow.expires < before))


async def delete_agent(uow: Uow, agent_id: str) -> None:
    await uow.session.execute(delete(AgentRow).where(AgentRow.id == agent_id))


@platform_wide("a Redis carries for all of them")
async def all_agents(uow: Uow) -> dict[str, str]:
    """Return the machines of all agents, by agent."""
    rows = await uow.session.execute(select(AgentRow.id, AgentRow.instance_id))
    return {row[0]: row[1] for row in rows}


@platform_wide("a Redis carries for all of them")
async def held_jobs(uow: Uow, instance_id: str | None = None) -> list[str]:
    """Return the jobs that agents, or that of one machine, were given and have not ended."""
    query = select(JobRow.id).where(JobRow.state == "claimed")
    if instance_id is not None:
        query = query.where(JobRow.instance_id == instance_id)
    return list(await uow.session.scalars(query))


async def find_job(uow: Uow, job_id: str) -> JobRow | None:
    return await uow.session.get(JobRow, job_id)


async def find_job_by_key(uow: Uow, key: str) -> JobRow | None:
    row: JobRow | None = await uow.session.scalar(select(JobRow).where(JobRow.key == key))
    return row


async def look(uow: Uow, instance_id: str) -> tuple[Limits, float, list[OpenJob]]:
    """Return what an agent may run at once, the time, and its open jobs, oldest first."""
    rows = await uow.rows(_OPEN, {"of": instance_id})
    if not rows:
        return Limits(), 0.0, []
    found = [
        OpenJob(row[3], row[4], row[5], row[6] == "claimed", row[7], bool(row[8]))
        for row in rows
        if row[3] is not None
    ]
    return Limits(rows[0][0], rows[0][1]), rows[0][2], sorted(found, key=lambda one: one.id)


async def take_job(uow: Uow, job: OpenJob, values: Mapping[str, object]) -> JobRow | None:
    """Change a job that may be handed out, and that nobody has handed out since it was seen."""
    changed = await uow.session.scalars(
        update(JobRow)
        .where(
            JobRow.id == job.id,
            JobRow.state == job.state,
            JobRow.attempt == job.attempt,
            JobRow.attempt < MAX_ATTEMPTS,
            JobRow.cancel_requested.is_(False),
        )
        .values(**values)
        .returning(JobRow),
        execution_options={"populate_existing": True, "synchronize_session": False},
    )
    return changed.one_or_none()


async def end_jobs(uow: Uow, instance_id: str) -> None:
    """Stop all jobs of an instance that is going away."""
    await uow.session.execute(
        update(JobRow)
        .where(JobRow.instance_id == instance_id, JobRow.state != "ended")
        .values(state="ended", outcome="cancelled", cancel_requested=True)
    )


async def find_held(uow: Uow, job_id: str) -> HeldJob | None:
    """Return of a job what its agent's reports are checked against."""
    rows = await uow.rows(_FIND_HELD, {"job_id": job_id})
    return HeldJob(*rows[0]) if rows else None


async def hold(uow: Uow, job_id: str) -> HeldJob | None:
    """Return the same, and keep others from reporting on it until the transaction ends."""
    rows = await uow.rows(_HOLD, {"job_id": job_id})
    return HeldJob(*rows[0]) if rows else None


async def prolong(uow: Uow, job_id: str, last_seq: int, seconds: float) -> None:
    """Write down which line came last, and hold the job for its agent so long from now on."""
    values = {"b_id": job_id, "b_last": last_seq, "b_seconds": seconds}
    await uow.run([(_PROLONG, [values])])


async def find_result(uow: Uow, job_id: str) -> tuple[str, int | None, str] | None:
    """Return outcome, exit code and reason of a job that has ended."""
    rows = await uow.rows(_RESULT, {"job_id": job_id})
    return (rows[0][0] or "failed", rows[0][1], rows[0][2]) if rows else None


async def database_time(uow: Uow) -> float:
    return await uow.session.scalar(select(DatabaseNow())) or 0.0


async def find_job_with_package(uow: Uow, instance_id: str, digest: str) -> JobRow | None:
    row: JobRow | None = await uow.session.scalar(
        select(JobRow)
        .where(
            JobRow.instance_id == instance_id,
            JobRow.package_digest == digest,
            JobRow.epoch == epoch.query().scalar_subquery(),
            JobRow.state == "claimed",
        )
        .limit(1)
    )
    return row
