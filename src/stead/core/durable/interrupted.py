"""What becomes of open operations when the platform is restored from a copy.

The copy says where an operation stood then; the world has gone on since, so nothing resumes
by itself. A person decides: take it back here, or end it after a plan of its domain has
adopted or forgotten what it worked on.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, insert, select, update

from stead.core.db import Uow
from stead.core.durable import events, store
from stead.core.durable.plan import Json
from stead.core.durable.tables import OPEN, EventRow, OperationRow, State, StepRow, StepState
from stead.core.errors import Kind, SteadError
from stead.kit import clock

CODE: Final = "operation.interrupted_by_restore"
# Readers that saw events which the copy does not have must not skip the ones to come.
_EVENT_GAP: Final = 1_000_000
_MAY_HAVE_RUN: Final = "It may have run after the copy was taken"


class NotInterruptedError(SteadError):
    """Somebody has decided already, or there was nothing to decide."""

    kind = Kind.CONFLICT
    code = "operation.not_interrupted"


async def interrupt_all(uow: Uow) -> int:
    """Stop every open operation where the copy has it; return how many there were."""
    now = clock.utc_now()
    rows = list(
        await uow.session.scalars(select(OperationRow).where(OperationRow.state.in_(OPEN)))
    )
    last = await uow.session.scalar(select(func.max(EventRow.seq))) or 0
    for number, row in enumerate(rows):
        was = row.state
        row.state, row.owner, row.lease_until, row.finished_at = State.INTERRUPTED, None, 0, now
        row.error = {
            "code": CODE,
            "message": "Stead was restored from a copy while this was going on",
            "hint": "Look at what is there now, then adopt it, undo it or forget it",
        }
        event = {
            "seq": last + _EVENT_GAP + number,
            "operation_id": row.id,
            "at": now,
            "kind": "state",
            "data": {"state": State.INTERRUPTED, "was": was, "error": row.error},
        }
        await uow.session.execute(insert(EventRow), [event])
    return len(rows)


async def list_interrupted(uow: Uow) -> Sequence[OperationRow]:
    """Return the operations that wait for a person's decision, oldest first."""
    rows = await uow.session.scalars(
        select(OperationRow)
        .where(OperationRow.state == State.INTERRUPTED)
        .order_by(OperationRow.id)
    )
    return list(rows)


async def take_back(uow: Uow, operation_id: str, by: str) -> None:
    """Let a worker undo an interrupted operation. Raises NotInterruptedError.

    Every step is undone, also those that the copy says have not begun.
    """
    await _decide(uow, operation_id, State.UNDOING, {"choice": "undo", "by": by})
    await uow.session.execute(
        update(StepRow)
        .where(StepRow.operation_id == operation_id, StepRow.state == StepState.PENDING)
        .values(state=StepState.FAILED, error=_MAY_HAVE_RUN)
    )
    await uow.session.execute(
        update(OperationRow).where(OperationRow.id == operation_id).values(finished_at=None)
    )
    uow.wake(store.QUEUE)


async def settle(uow: Uow, operation_id: str, choice: str, by: str, successor: str) -> None:
    """End an interrupted operation: another one acts on the choice. Raises NotInterruptedError."""
    fact: dict[str, Json] = {"choice": choice, "by": by, "operation_id": successor}
    await _decide(uow, operation_id, State.SETTLED, fact)


async def reopen(uow: Uow, operation_id: str) -> None:
    """Ask again: acting on the choice failed. One that was decided otherwise stays so."""
    changed = await uow.session.execute(
        update(OperationRow)
        .where(OperationRow.id == operation_id, OperationRow.state == State.SETTLED)
        .values(state=State.INTERRUPTED)
    )
    if store.count(changed):
        await events.append_event(uow, operation_id, "state", {"state": State.INTERRUPTED})


async def _decide(uow: Uow, operation_id: str, state: State, fact: dict[str, Json]) -> None:
    # Two people may decide at the same time; one of them comes too late.
    changed = await uow.session.execute(
        update(OperationRow)
        .where(OperationRow.id == operation_id, OperationRow.state == State.INTERRUPTED)
        .values(state=state)
    )
    if store.count(changed) != 1:
        raise NotInterruptedError("This operation does not wait for a decision")
    await events.append_event(uow, operation_id, "choice", fact)
    await events.append_event(uow, operation_id, "state", {"state": state})
    row = await store.get(uow, operation_id)
    if row is not None:
        await uow.session.refresh(row)
