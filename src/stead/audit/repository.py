"""All SQL of the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, text

from stead.audit.models import HeadRow, RecordRow
from stead.audit.rules import START
from stead.core.db import Uow, platform_wide

_ONLY: Final = 1
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; empty ones do not matter. ``before`` is the cursor of a page."""

    actor: str = ""
    action: str = ""
    project_id: str = ""
    outcome: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    oldest_first: bool = False


async def lock_head(uow: Uow) -> HeadRow:
    """Return the end of the chain, held until this transaction ends."""
    query = select(HeadRow).where(HeadRow.id == _ONLY).with_for_update()
    head: HeadRow | None = await uow.session.scalar(query)
    if head is None:
        # Two may be the first at once; one of them waits for the other here.
        await uow.session.execute(
            text(
                "insert into audit_head (id, seq, hash) values (:id, 0, :hash) "
                "on conflict (id) do nothing"
            ),
            {"id": _ONLY, "hash": START},
        )
        head = await uow.session.scalar(query)
    if head is None:
        raise RuntimeError("the head of the audit trail was just made")
    return head


async def find_head(uow: Uow) -> HeadRow | None:
    return await uow.session.get(HeadRow, _ONLY)


async def find(uow: Uow, seq: int) -> RecordRow | None:
    return await uow.session.get(RecordRow, seq)


@platform_wide("the chain is one, whoever the rows are about")
async def newest(uow: Uow, filters: Filters, limit: int) -> list[RecordRow]:
    """Return records that match, newest first unless asked otherwise."""
    query = select(RecordRow)
    for column, wanted in (
        (RecordRow.actor, filters.actor),
        (RecordRow.action, filters.action),
        (RecordRow.project_id, filters.project_id),
        (RecordRow.outcome, filters.outcome),
        (RecordRow.subject, filters.subject),
    ):
        if wanted:
            query = query.where(column == wanted)
    if filters.since is not None:
        query = query.where(RecordRow.at >= filters.since)
    if filters.until is not None:
        query = query.where(RecordRow.at < filters.until)
    if filters.before is not None:
        query = query.where(RecordRow.seq < filters.before)
    if filters.after is not None:
        query = query.where(RecordRow.seq > filters.after)
    order = RecordRow.seq if filters.oldest_first else RecordRow.seq.desc()
    rows = await uow.session.scalars(query.order_by(order).limit(limit))
    return list(rows)


@platform_wide("the chain is one, whoever the rows are about")
async def following(uow: Uow, after: int) -> list[RecordRow]:
    """Return the next batch of records, in order; fewer than a batch are the last."""
    rows = await uow.session.scalars(
        select(RecordRow).where(RecordRow.seq > after).order_by(RecordRow.seq).limit(BATCH)
    )
    return list(rows)
