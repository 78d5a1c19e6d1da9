"""Use cases of operations: look, follow, cancel."""

from collections.abc import AsyncIterator
from typing import Final

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Database, Uow
from stead.core.durable import State
from stead.operations import repository
from stead.operations.schemas import EventOut, OperationOut

PAGE: Final = 200
KEEPALIVE_SECONDS: Final = 15.0


async def list_(uow: Uow, actor: Actor, limit: int = 50) -> list[OperationOut]:
    rows = await repository.list_(uow, authz.where_allowed(actor, Action.OPERATION_READ), limit)
    return [OperationOut.of(row) for row in rows]


async def get_(uow: Uow, actor: Actor, operation_id: str) -> OperationOut:
    row = await repository.find(uow, operation_id)
    if row is None:
        raise authz.NotFoundError("There is no such operation, or it is not yours")
    authz.require(actor, Action.OPERATION_READ, row.project_id, "operation")
    return OperationOut.of(row, await repository.steps(uow, operation_id))


async def history(uow: Uow, actor: Actor, operation_id: str, limit: int) -> list[EventOut]:
    """Return the latest events, oldest first."""
    await get_(uow, actor, operation_id)
    rows = await repository.latest_events(uow, operation_id, limit)
    return [EventOut.of(row) for row in rows]


async def cancel(uow: Uow, actor: Actor, operation_id: str) -> None:
    operation = await get_(uow, actor, operation_id)
    authz.require(actor, Action.OPERATION_CANCEL, operation.project_id, "operation")
    await durable.request_cancel(uow, operation_id)


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
            operation = await repository.find(uow, operation_id)
            rows = await repository.events_after(uow, operation_id, after, PAGE)
        for row in rows:
            after = row.seq
            yield EventOut.of(row)
        if len(rows) == PAGE:
            continue
        if operation is None or State(operation.state).ended:
            return
        if not await database.bus.changed(topic, seen, KEEPALIVE_SECONDS):
            yield None
