"""Use cases of operations: look, follow, cancel, keep, take up again."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Database, Uow
from stead.core.durable import EventRow, OperationRow, Plan, State
from stead.operations import repository
from stead.operations.schemas import Again, EventOut, OperationOut, Wanted

PAGE: Final = 200
KEEPALIVE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans that operations can be taken up again with."""

    known: Mapping[tuple[str, int], Plan]

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "Plans":
        """Return these plans by kind and version."""
        return cls({plan.key: plan for plan in plans})


async def list_(uow: Uow, actor: Actor, wanted: Wanted | None = None) -> list[OperationOut]:
    wanted = wanted or Wanted()
    allowed = authz.where_allowed(actor, Action.OPERATION_READ)
    if wanted.project is not None:
        authz.require(actor, Action.OPERATION_READ, wanted.project, "project")
        allowed = frozenset({wanted.project})
    rows = await repository.list_(uow, allowed, wanted)
    return [OperationOut.of(row) for row in rows]


async def get_(uow: Uow, actor: Actor, operation_id: str) -> OperationOut:
    row = await repository.find(uow, operation_id)
    if row is None:
        raise authz.NotFoundError("There is no such operation, or it is not yours")
    authz.require(actor, Action.OPERATION_READ, row.project_id, "operation")
    found = OperationOut.of(row, await repository.steps(uow, operation_id))
    if authz.decide(actor, Action.PLATFORM_READ).allowed:
        found.detail = row.detail
    if row.state == State.QUEUED:
        ahead = await repository.find_ahead(uow, row)
        found.behind = ahead.title if ahead and ahead.project_id == row.project_id else None
    return found


async def history(uow: Uow, actor: Actor, operation_id: str, limit: int) -> list[EventOut]:
    """Return the latest events, oldest first."""
    await get_(uow, actor, operation_id)
    rows = await repository.latest_events(uow, operation_id, limit)
    return [EventOut.of(row) for row in rows]


async def cancel(uow: Uow, actor: Actor, operation_id: str) -> None:
    operation = await get_(uow, actor, operation_id)
    authz.require(actor, Action.OPERATION_CANCEL, operation.project_id, "operation")
    await durable.request_cancel(uow, operation_id)


async def retry(
    uow: Uow, actor: Actor, plans: Plans, operation_id: str, step: str | None = None
) -> None:
    """Take it up again: from a step, or where it stopped. A failed undo goes on being undone."""
    row = await _to_retry(uow, actor, operation_id)
    if row.state == State.UNDO_FAILED and step is None:
        await durable.undo(uow, operation_id)
        return
    await durable.retry(uow, operation_id, plans.known.get((row.kind, row.plan_version)), step)


async def again(uow: Uow, actor: Actor, plans: Plans, operation: OperationOut) -> Again:
    """Return what this person could do with an operation that stopped half-way."""
    if not authz.allows(actor, Action.OPERATION_RETRY, operation.project_id):
        return Again()
    row = await repository.find(uow, operation.id)
    plan = plans.known.get((row.kind, row.plan_version)) if row is not None else None
    steps = durable.startable(operation.state, [s.state for s in operation.steps], plan)
    return Again(undo=operation.undoable, steps=tuple(operation.steps[n] for n in steps))


async def undo(uow: Uow, actor: Actor, operation_id: str) -> None:
    """Take back what a failed operation left behind."""
    await _to_retry(uow, actor, operation_id)
    await durable.undo(uow, operation_id)


async def keep(uow: Uow, actor: Actor, operation_id: str) -> None:
    """Leave everything as it is when this one fails."""
    operation = await get_(uow, actor, operation_id)
    authz.require(actor, Action.OPERATION_KEEP, operation.project_id, "operation")
    await durable.keep(uow, operation_id)


async def _to_retry(uow: Uow, actor: Actor, operation_id: str) -> OperationRow:
    operation = await get_(uow, actor, operation_id)
    authz.require(actor, Action.OPERATION_RETRY, operation.project_id, "operation")
    row = await repository.find(uow, operation_id)
    if row is None:
        raise authz.NotFoundError("There is no such operation, or it is not yours")
    return row


async def log(database: Database, operation_id: str) -> AsyncIterator[str]:
    """Yield everything that was recorded, a line each. The caller has checked who asks."""
    after = 0
    while True:
        async with database.read() as uow:
            rows = await repository.events_after(uow, operation_id, after, PAGE)
        yield "".join(_log_line(row) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1].seq


def _log_line(row: EventRow) -> str:
    said = row.data.get("text") or row.data.get("message") or row.data.get("state") or ""
    where = f" [{row.step}]" if row.step else ""
    return f"{row.at.isoformat(timespec='milliseconds')} {row.kind}{where} {said}".rstrip() + "\n"


async def follow(
    database: Database, operation_id: str, after: int
) -> AsyncIterator[EventOut | None]:
    """Yield every event after ``after`` until the operation ended; None keeps a line alive.

    The caller has checked that the operation may be read.
    """
    topic = f"operation:{operation_id}"
    while True:
        seen = database.bus.version(topic)
        async with database.read() as uow:
            told = await repository.told_after(uow, operation_id, after, PAGE)
        for event in told.events:
            after = event.seq
            yield event
        if len(told.events) == PAGE:
            continue
        if told.ended:
            return
        if not await database.bus.changed(topic, seen, KEEPALIVE_SECONDS):
            yield None
