"""Reads operations, steps and events; writing them is core.durable's."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Table, bindparam, func, or_, select

from stead.core.db import Uow, platform_wide
from stead.core.durable import OPEN, EventRow, OperationRow, State, StepRow
from stead.operations.schemas import EventOut, Wanted

_OPERATION: Final = cast("Table", OperationRow.__table__)
_EVENT: Final = cast("Table", EventRow.__table__)
# The state with the events, from one moment: whoever reads the one later misses some of the other.
_TOLD: Final = (
    select(
        _OPERATION.c.state,
        *(_EVENT.c[name] for name in ("seq", "at", "step", "kind", "data")),
    )
    .select_from(
        _OPERATION.outerjoin(
            _EVENT,
            (_EVENT.c.operation_id == _OPERATION.c.id) & (_EVENT.c.seq > bindparam("after")),
        )
    )
    .where(_OPERATION.c.id == bindparam("of"))
    .order_by(_EVENT.c.seq)
    .limit(bindparam("most"))
)


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find(uow: Uow, operation_id: str) -> OperationRow | None:
    return await uow.session.get(OperationRow, operation_id, populate_existing=True)


async def list_(
    uow: Uow, project_ids: Collection[str] | None, wanted: Wanted
) -> list[OperationRow]:
    """Return operations of these projects in order, or of all when there is no selection."""
    order = OperationRow.id.desc() if wanted.newest_first else OperationRow.id
    query = select(OperationRow).order_by(order).limit(wanted.limit)
    for column, value in (
        (OperationRow.kind, wanted.kind),
        (OperationRow.subject, wanted.subject),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.text:
        query = query.where(
            or_(
                OperationRow.title.icontains(wanted.text, autoescape=True),
                OperationRow.kind.istartswith(wanted.text, autoescape=True),
                OperationRow.requested_by == wanted.text,
            )
        )
    if wanted.states:
        query = query.where(OperationRow.state.in_(wanted.states))
    if wanted.before:
        query = query.where(OperationRow.id < wanted.before)
    if wanted.after:
        query = query.where(OperationRow.id > wanted.after)
    if project_ids is not None:
        query = query.where(OperationRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def steps(uow: Uow, operation_id: str) -> list[StepRow]:
    rows = await uow.session.scalars(
        select(StepRow).where(StepRow.operation_id == operation_id).order_by(StepRow.position)
    )
    return list(rows)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an operation after an event, and whether it has ended, or never was."""

    ended: bool
    events: list[EventOut]


@platform_wide("by its id; whoever watches was checked when the stream began")
async def told_after(uow: Uow, operation_id: str, seq: int, limit: int) -> Told:
    """Return the events after one, oldest first; watchers ask this again at each event."""
    rows = await uow.rows(_TOLD, {"of": operation_id, "after": seq, "most": limit})
    found = [
        EventOut(seq=row[1], at=row[2], step=row[3], kind=row[4], data=row[5])
        for row in rows
        if row[1] is not None
    ]
    return Told(not rows or State(rows[0][0]).ended, found)


async def events_after(uow: Uow, operation_id: str, seq: int, limit: int) -> list[EventRow]:
    rows = await uow.session.scalars(
        select(EventRow)
        .where(EventRow.operation_id == operation_id, EventRow.seq > seq)
        .order_by(EventRow.seq)
        .limit(limit)
    )
    return list(rows)


async def latest_events(uow: Uow, operation_id: str, limit: int) -> list[EventRow]:
    rows = await uow.session.scalars(
        select(EventRow)
        .where(EventRow.operation_id == operation_id)
        .order_by(EventRow.seq.desc())
        .limit(limit)
    )
    return list(rows)[::-1]


@platform_wide("what another waits for; callers tell only that it waits")
async def find_ahead(uow: Uow, row: OperationRow) -> OperationRow | None:
    """Return an operation that this one waits for because both work on the same subject."""
    return await uow.session.scalar(
        select(OperationRow)
        .where(
            OperationRow.subject == row.subject,
            OperationRow.state.in_(OPEN),
            OperationRow.id != row.id,
            or_(OperationRow.id < row.id, OperationRow.state != State.QUEUED),
        )
        .order_by(OperationRow.id)
        .limit(1)
    )


@platform_wide("figures are about the whole platform, and name nobody")
async def count_by_state(uow: Uow) -> dict[str, int]:
    """Return how many operations are in which state."""
    query = select(OperationRow.state, func.count()).group_by(OperationRow.state)
    rows = await uow.session.execute(query)
    return {str(state): number for state, number in rows}
