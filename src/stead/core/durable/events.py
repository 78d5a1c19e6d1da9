"""What is told of an operation: facts in the order in which they became true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from sqlalchemy import Table, bindparam, insert, select

from stead.core.db import Statement, Uow
from stead.core.durable.plan import Json
from stead.core.durable.tables import EventRow, OperationRow, State
from stead.kit import clock

EVENT: Final = cast("Table", EventRow.__table__)
# The step that it is about, if any, its kind, and what there is to say.
Fact: TypeAlias = tuple[str | None, str, Mapping[str, Json]]
_ADD: Final = insert(EVENT)
_LOCK: Final = (
    select(OperationRow.id).where(OperationRow.id == bindparam("b_id")).with_for_update()
)


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """A fact: an operation has come to its end, in this state."""

    operation_id: str
    state: str


def topic(operation_id: str) -> str:
    """Return the bus topic of one operation's events."""
    return f"operation:{operation_id}"


async def append_event(
    uow: Uow, operation_id: str, kind: str, data: Mapping[str, Json], step: str | None = None
) -> None:
    """Add one fact to an operation and wake those who watch it."""
    await append_events(uow, operation_id, [(kind, data)], step)


async def append_events(
    uow: Uow,
    operation_id: str,
    facts: Sequence[tuple[str, Mapping[str, Json]]],
    step: str | None = None,
) -> None:
    """Add facts to an operation in this order.

    Whoever writes an operation's events holds its row, so they are committed in the order of
    their numbers, and one who reads on after the last that they saw misses none.
    """
    if uow.session.get_bind().dialect.name != "sqlite":
        await uow.session.execute(_LOCK, {"b_id": operation_id})
    await uow.run(told(uow, [(operation_id, (step, kind, data)) for kind, data in facts]))


def told(uow: Uow, facts: Sequence[tuple[str, Fact]]) -> list[Statement]:
    """Return what writes facts of operations down; whoever executes it holds their rows."""
    now = clock.utc_now()
    rows = []
    for operation_id, (step, kind, data) in facts:
        if kind == "state" and State(str(data["state"])).ended:
            uow.tell(OperationEnded(operation_id, str(data["state"])))
        uow.wake(topic(operation_id))
        rows.append(
            {
                "operation_id": operation_id,
                "at": now,
                "step": step,
                "kind": kind,
                "data": dict(data),
            }
        )
    return [(_ADD, rows)] if rows else []
