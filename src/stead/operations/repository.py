"""Reads operations, steps and events; writing them is core.durable's."""

from collections.abc import Collection

from sqlalchemy import select

from stead.core.db import Uow
from stead.core.durable import EventRow, OperationRow, StepRow


async def find(uow: Uow, operation_id: str) -> OperationRow | None:
    return await uow.session.get(OperationRow, operation_id)


async def list_(uow: Uow, project_ids: Collection[str] | None, limit: int) -> list[OperationRow]:
    """Return the newest operations of these projects, or of all when there is no selection."""
    query = select(OperationRow).order_by(OperationRow.id.desc()).limit(limit)
    if project_ids is not None:
        query = query.where(OperationRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def steps(uow: Uow, operation_id: str) -> list[StepRow]:
    rows = await uow.session.scalars(
        select(StepRow).where(StepRow.operation_id == operation_id).order_by(StepRow.position)
    )
    return list(rows)


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
