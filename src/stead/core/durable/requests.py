"""What is asked of operations: begin, stop, keep, try again, forget. Each in the caller's unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, delete, insert, select

from stead.core import telemetry
from stead.core.db import Statement, Uow
from stead.core.durable.events import EVENT, Fact, append_event, told
from stead.core.durable.plan import Json, Plan, StepContext, obey
from stead.core.durable.store import OPERATION, QUEUE, STEP, steps
from stead.core.durable.tables import OperationRow, State, StepState
from stead.core.errors import Kind, SteadError
from stead.kit import clock, ids

URGENT: Final = 0
NIGHTLY: Final = 100
DEADLINE: Final = "deadline"
_BATCH: Final = 200
_ADD: Final = insert(OPERATION)
_ADD_STEPS: Final = insert(STEP)
_STOPPED: Final = (State.FAILED, State.CANCELLED, State.UNDO_FAILED, State.KEPT)


class CannotCancelError(SteadError):
    """The operation has ended or must not be stopped half-way."""

    kind = Kind.CONFLICT
    code = "operation.not_cancellable"


class CannotRetryError(SteadError):
    """The operation is not in a state, or not of a kind, that can be taken up again there."""

    kind = Kind.CONFLICT
    code = "operation.not_retryable"


class CannotKeepError(SteadError):
    """The operation has ended, or is being undone already."""

    kind = Kind.CONFLICT
    code = "operation.not_keepable"


class KeyReusedError(SteadError):
    """An idempotency key came back with a different request."""

    kind = Kind.CONFLICT
    code = "operation.idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Submission:
    """What is asked for: whose, on what, with which parameters (never secrets).

    A lower ``priority`` goes first among those that could start. With ``keep`` a failure
    leaves everything as it is, to be looked at.
    """

    project_id: str
    subject: str
    title: str
    requested_by: str
    params: Mapping[str, Json] = field(default_factory=dict)
    idempotency_key: str | None = None
    request_hash: str | None = None
    priority: int = URGENT
    keep: bool = False


async def submit(uow: Uow, plan: Plan, asked: Submission) -> str:
    """Write an operation and its steps in the caller's transaction; wake a worker after it."""
    now = clock.utc_now()
    operation_id = ids.new_id()
    limit = plan.deadline_seconds
    row = {
        "id": operation_id,
        "kind": plan.kind,
        "plan_version": plan.version,
        "project_id": asked.project_id,
        "subject": asked.subject,
        "title": asked.title,
        "requested_by": asked.requested_by,
        "params": dict(asked.params),
        "state": State.QUEUED,
        "cancellable": plan.cancellable,
        "cancel_requested": False,
        "keep": asked.keep,
        "priority": asked.priority,
        "round": 0,
        "fence": 0,
        "lease_until": 0,
        "idempotency_key": asked.idempotency_key,
        "request_hash": asked.request_hash,
        "trace": telemetry.carried(),
        "created_at": now,
        "deadline_at": now + timedelta(seconds=limit) if limit is not None else None,
    }
    todo = [
        {
            "operation_id": operation_id,
            "position": position,
            "name": step.name,
            "title": step.title,
            "state": StepState.PENDING,
        }
        for position, step in enumerate(plan.steps)
    ]
    queued: Fact = (None, "state", {"state": State.QUEUED})
    # Its row needs no lock: nobody else sees it before the commit.
    writes: list[Statement] = [(_ADD, [row]), *told(uow, [(operation_id, queued)])]
    await uow.run([*writes, (_ADD_STEPS, todo)] if todo else writes)
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


async def request_cancel(uow: Uow, operation_id: str, reason: str | None = None) -> None:
    """Ask an operation to stop and undo; twice is fine. Raises CannotCancelError."""
    row = await _locked(uow, operation_id)
    if row is None or State(row.state).ended:
        raise CannotCancelError("The operation has ended")
    if not row.cancellable:
        raise CannotCancelError("This operation must not be stopped half-way")
    ending = row.state == State.UNDOING and row.back_to in (None, -1)
    if row.cancel_requested or ending:
        return
    row.cancel_requested, row.cancel_reason = True, reason
    if row.owner is None:
        row.waits_for = None  # it need not wait for a place any more
    await _told(uow, row, "cancel", {"reason": reason} if reason else {})
    uow.wake(f"cancel:{operation_id}")


async def keep(uow: Uow, operation_id: str) -> None:
    """Leave everything as it is when the operation fails; twice is fine.

    Raises CannotKeepError when it is too late.
    """
    row = await _locked(uow, operation_id)
    if row is None or row.state not in (State.QUEUED, State.RUNNING) or row.cancel_requested:
        raise CannotKeepError("The operation has ended, or is being taken back already")
    if not row.keep:
        row.keep = True
        await _told(uow, row, "keep", {})


async def retry(uow: Uow, operation_id: str, plan: Plan | None, step: str | None = None) -> None:
    """Take a stopped operation up again, forward. Raises CannotRetryError, RefusedError.

    The rules that it began under are asked as they are now, before anything is undone.

    From a step: everything from there on is undone first, then done anew. Without one: from
    the first step that is not done. What was undone altogether starts only if its plan can.
    """
    row = await _stopped(uow, operation_id)
    if plan is None:
        raise CannotRetryError("No plan of this kind and version is known any more")
    states = await steps(uow, operation_id)
    possible = startable(row.state, [s.state for s in states], plan)
    if not possible:
        raise CannotRetryError(
            "All of it was taken back, what the request had reserved too", hint="Ask for it anew"
        )
    chosen = [n for n in possible if step in (None, states[n].name)]
    if not chosen:
        names = ", ".join(states[n].name for n in possible)
        raise CannotRetryError(f"It cannot start at that step, but at: {names}")
    for one in plan.steps:
        await obey(uow, one.rules, _asking(row, one.name))
    await _take_up(uow, row, chosen[-1])


def startable(state: str, steps: Sequence[str], plan: Plan | None) -> list[int]:
    """Return the steps that a stopped operation can go forward from: all before are done."""
    if plan is None or state not in _STOPPED or not steps:
        return []
    done = next((n for n, one in enumerate(steps) if one != StepState.DONE), len(steps) - 1)
    from_nothing = done == 0 and state != State.KEPT
    return [] if from_nothing and not plan.repeatable else list(range(done + 1))


async def undo(uow: Uow, operation_id: str) -> None:
    """Take back what a stopped operation left behind. Raises CannotRetryError."""
    row = await _stopped(uow, operation_id)
    if row.state not in (State.UNDO_FAILED, State.KEPT):
        raise CannotRetryError("There is nothing left to take back")
    await _take_up(uow, row, -1)


async def pass_deadlines(uow: Uow) -> None:
    """Ask every operation to stop whose time is up."""
    late = await uow.session.scalars(
        select(OPERATION.c.id).where(
            OPERATION.c.state.in_((State.QUEUED, State.RUNNING)),
            OPERATION.c.deadline_at < clock.utc_now(),
            OPERATION.c.cancellable,
            ~OPERATION.c.cancel_requested,
        )
    )
    for operation_id in list(late):
        await request_cancel(uow, operation_id, DEADLINE)


async def purge(uow: Uow, before: datetime) -> int:
    """Forget some operations that ended before then; return how many, 0 when none is left.

    What waits for a person (a failed undo, one that was kept or interrupted) stays.
    """
    over = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SETTLED)
    old = and_(OPERATION.c.state.in_(over), OPERATION.c.finished_at < before)
    chosen = list(
        await uow.session.scalars(
            select(OPERATION.c.id).where(old).order_by(OPERATION.c.id).limit(_BATCH)
        )
    )
    for table, column in ((EVENT, "operation_id"), (STEP, "operation_id"), (OPERATION, "id")):
        await uow.session.execute(delete(table).where(table.c[column].in_(chosen)))
    return len(chosen)


async def _stopped(uow: Uow, operation_id: str) -> OperationRow:
    row = await _locked(uow, operation_id)
    if row is None or row.state not in _STOPPED:
        raise CannotRetryError("The operation has not stopped half-way")
    return row


def _asking(row: OperationRow, step: str) -> StepContext:
    async def emit(kind: str, data: Mapping[str, Json]) -> None:
        """A question that a request asks is no event of the operation."""

    return StepContext(row.id, row.project_id, row.subject, row.params, {}, step, emit)


async def _take_up(uow: Uow, row: OperationRow, back_to: int) -> None:
    """Queue it again, behind whatever works on its subject now."""
    row.state, row.back_to, row.round = State.QUEUED, back_to, row.round + 1
    row.finished_at = row.deadline_at = row.cancel_reason = None
    row.cancel_requested = row.keep = False
    await _told(uow, row, "state", {"state": State.QUEUED, "again": row.round})


async def _told(uow: Uow, row: OperationRow, kind: str, data: Mapping[str, Json]) -> None:
    await uow.session.flush()
    await append_event(uow, row.id, kind, data)
    uow.wake(QUEUE)


async def _locked(uow: Uow, operation_id: str) -> OperationRow | None:
    return await uow.session.get(
        OperationRow, operation_id, populate_existing=True, with_for_update=True
    )
