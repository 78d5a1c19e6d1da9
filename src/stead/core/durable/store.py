"""All SQL of durable work: submit, claim, lease and record, each fenced by its owner."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import CursorResult, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from stead.core.db import DatabaseNow, Uow
from stead.core.durable.plan import Json, Plan
from stead.core.durable.tables import OPEN, EventRow, OperationRow, State, StepRow, StepState
from stead.core.errors import Kind, SteadError
from stead.kit import clock, ids

QUEUE: Final = "operations"


class CannotCancelError(SteadError):
    """The operation has ended or must not be stopped half-way."""

    kind = Kind.CONFLICT
    code = "operation.not_cancellable"


class KeyReusedError(SteadError):
    """An idempotency key came back with a different request."""

    kind = Kind.CONFLICT
    code = "operation.idempotency_key_reused"


class FencedError(Exception):
    """Another worker took the operation over; this one must not touch it again."""


def topic(operation_id: str) -> str:
    """Return the bus topic of one operation's events."""
    return f"operation:{operation_id}"


@dataclass(frozen=True, slots=True)
class Submission:
    """What is asked for: whose, on what, with which parameters (never secrets)."""

    project_id: str
    subject: str
    title: str
    requested_by: str
    params: Mapping[str, Json] = field(default_factory=dict)
    idempotency_key: str | None = None
    request_hash: str | None = None


async def submit(uow: Uow, plan: Plan, submission: Submission) -> str:
    """Write an operation and its steps in the caller's transaction; wake a worker after it."""
    now = clock.utc_now()
    operation_id = ids.new_id()
    row = OperationRow(
        id=operation_id,
        kind=plan.kind,
        plan_version=plan.version,
        project_id=submission.project_id,
        subject=submission.subject,
        title=submission.title,
        requested_by=submission.requested_by,
        params=dict(submission.params),
        state=State.QUEUED,
        cancellable=plan.cancellable,
        cancel_requested=False,
        idempotency_key=submission.idempotency_key,
        request_hash=submission.request_hash,
        created_at=now,
    )
    uow.session.add(row)
    uow.session.add_all(
        StepRow(
            operation_id=operation_id,
            position=position,
            name=step.name,
            title=step.title,
            state=StepState.PENDING,
        )
        for position, step in enumerate(plan.steps)
    )
    await uow.session.flush()
    await append_event(uow, operation_id, "state", {"state": State.QUEUED})
    uow.wake(QUEUE)
    return operation_id


async def find_repeat(uow: Uow, project_id: str, key: str, request_hash: str) -> str | None:
    """Return the operation that this idempotency key made, or None when it is new."""
    row = await uow.session.scalar(
        select(OperationRow).where(
            OperationRow.project_id == project_id, OperationRow.idempotency_key == key
        )
    )
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise KeyReusedError("This Idempotency-Key was used for a different request")
    return row.id


async def get(uow: Uow, operation_id: str) -> OperationRow | None:
    """Return one operation's row."""
    return await uow.session.get(OperationRow, operation_id)


async def request_cancel(uow: Uow, operation_id: str) -> None:
    """Raise the flag that stops an operation at its next safe point and undoes it."""
    row = await get(uow, operation_id)
    if row is None or State(row.state).ended:
        raise CannotCancelError("The operation has already ended")
    if not row.cancellable:
        raise CannotCancelError("A removal cannot be stopped half-way")
    if row.state == State.UNDOING or row.cancel_requested:
        return
    row.cancel_requested = True
    await append_event(uow, operation_id, "cancel", {})
    uow.wake(f"cancel:{operation_id}")
    uow.wake(QUEUE)


async def append_event(
    uow: Uow, operation_id: str, kind: str, data: Mapping[str, Json], step: str | None = None
) -> None:
    """Add one fact to an operation and wake those who watch it."""
    await append_events(uow, operation_id, [(kind, data)], step)


async def append_events(
    uow: Uow,
    operation_id: str,
    facts: Iterable[tuple[str, Mapping[str, Json]]],
    step: str | None = None,
) -> None:
    """Add facts to an operation in this order."""
    now = clock.utc_now()
    rows = [
        {"operation_id": operation_id, "at": now, "step": step, "kind": kind, "data": dict(data)}
        for kind, data in facts
    ]
    if rows:
        await uow.session.execute(insert(EventRow), rows)
        uow.wake(topic(operation_id))


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one operation until the lease ends or someone else claims it."""

    operation_id: str
    owner: str
    fence: int


async def claim_next(
    uow: Uow, owner: str, lease_seconds: float, running: Collection[str] = ()
) -> Claim | None:
    """Claim an abandoned operation, else the oldest whose subject is free.

    What the caller itself still runs is left alone, even when its lease ran out unnoticed.
    """
    session = uow.session
    earlier = aliased(OperationRow)
    busy = exists().where(
        earlier.subject == OperationRow.subject,
        earlier.state.in_(OPEN),
        # Ids sort by time only as long as no clock is set back.
        or_(earlier.id < OperationRow.id, earlier.state != State.QUEUED),
    )
    abandoned = (
        select(OperationRow.id)
        .where(
            OperationRow.state.in_((State.RUNNING, State.UNDOING)),
            OperationRow.lease_until < DatabaseNow(),
            OperationRow.id.not_in(running),
        )
        .order_by(OperationRow.id)
        .limit(1)
    )
    waiting = (
        select(OperationRow.id)
        .where(OperationRow.state == State.QUEUED, ~busy)
        .order_by(OperationRow.id)
        .limit(1)
    )
    for query, guard in (
        (abandoned, OperationRow.lease_until < DatabaseNow()),
        (waiting, OperationRow.state == State.QUEUED),
    ):
        operation_id = await session.scalar(query)
        if operation_id is None:
            continue
        values: dict[str, object] = {
            "owner": owner,
            "fence": OperationRow.fence + 1,
            "lease_until": DatabaseNow() + lease_seconds,
        }
        if query is waiting:
            values |= {"state": State.RUNNING, "started_at": clock.utc_now()}
        changed = await session.execute(
            update(OperationRow).where(OperationRow.id == operation_id, guard).values(values)
        )
        if count(changed) == 1:
            fence = await session.scalar(
                select(OperationRow.fence).where(OperationRow.id == operation_id)
            )
            return Claim(operation_id, owner, fence or 0)
    return None


async def extend_leases(
    uow: Uow, owner: str, lease_seconds: float, running: Iterable[str]
) -> dict[str, bool]:
    """Prolong what this worker owns and really runs; return operation id to cancel flag."""
    own = (
        OperationRow.owner == owner,
        OperationRow.id.in_(list(running)),
        OperationRow.state.in_((State.RUNNING, State.UNDOING)),
    )
    await uow.session.execute(
        update(OperationRow).where(*own).values(lease_until=DatabaseNow() + lease_seconds)
    )
    rows = await uow.session.execute(
        select(OperationRow.id, OperationRow.cancel_requested).where(*own)
    )
    return {row.id: row.cancel_requested for row in rows}


async def abandon_all(uow: Uow) -> None:
    """End every lease at once; for a process that knows it is the only one."""
    await uow.session.execute(
        update(OperationRow)
        .where(OperationRow.state.in_((State.RUNNING, State.UNDOING)))
        .values(lease_until=0)
    )


async def guard(uow: Uow, claim: Claim) -> None:
    """Refuse to write on behalf of a claim that was taken over. Raises FencedError."""
    changed = await uow.session.execute(
        update(OperationRow)
        .where(
            OperationRow.id == claim.operation_id,
            OperationRow.owner == claim.owner,
            OperationRow.fence == claim.fence,
        )
        .values(fence=claim.fence)
    )
    if count(changed) != 1:
        raise FencedError(claim.operation_id)


@dataclass(frozen=True, slots=True)
class Mark:
    """A step's new state, as it is written down."""

    position: int
    name: str
    state: StepState
    result: Mapping[str, Json] = field(default_factory=dict)


async def mark_steps(uow: Uow, operation_id: str, marks: Sequence[Mark]) -> None:
    """Write down what steps have come to, with an event for each."""
    now = clock.utc_now()
    for mark in marks:
        values: dict[str, object] = {"state": mark.state}
        if mark.state is StepState.RUNNING:
            values["started_at"] = func.coalesce(StepRow.started_at, now)
        elif mark.state is StepState.DONE:
            values |= {"finished_at": now, "result": dict(mark.result)}
        await uow.session.execute(
            update(StepRow)
            .where(StepRow.operation_id == operation_id, StepRow.position == mark.position)
            .values(values)
        )
    rows = [
        {
            "operation_id": operation_id,
            "at": now,
            "step": mark.name,
            "kind": "step",
            "data": {"state": mark.state},
        }
        for mark in marks
    ]
    await uow.session.execute(insert(EventRow), rows)
    uow.wake(topic(operation_id))


async def steps(session: AsyncSession, operation_id: str) -> list[StepRow]:
    """Return an operation's steps in order."""
    rows = await session.scalars(
        select(StepRow).where(StepRow.operation_id == operation_id).order_by(StepRow.position)
    )
    return list(rows)


def count(result: object) -> int:
    """Return how many rows a statement changed."""
    return result.rowcount if isinstance(result, CursorResult) else 0
