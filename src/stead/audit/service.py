"""Writes the audit trail, in the transaction of the deed itself, and reads it."""

from collections.abc import AsyncIterator
from typing import Final

from stead.audit import repository
from stead.audit.heads import EVERY, Head, Heads
from stead.audit.models import RecordRow
from stead.audit.repository import Filters
from stead.audit.rules import Record, cut
from stead.audit.schemas import RecordOut
from stead.core import durable, epoch, trail
from stead.core.db import Database, Uow
from stead.core.durable import OperationEnded
from stead.core.trail import Deed
from stead.kit import clock

DONE: Final = "done"
PLATFORM: Final = "the platform"


def attach(database: Database, heads: Heads) -> None:
    """Record every deed that is committed here, and the end of every operation."""

    async def write_down(uow: Uow) -> None:
        await _record_deed(uow, heads)
        for fact in uow.facts:
            if isinstance(fact, OperationEnded):
                await _record_end(uow, heads, fact)

    database.at_last.append(write_down)


async def append(
    uow: Uow, heads: Heads, deed: Deed, *, outcome: str = DONE, project_id: str = ""
) -> None:
    """Add one record to the chain, as the last thing before the commit.

    Writers take turns from here to their commit, and ask for nothing else meanwhile.
    """
    await uow.session.flush()
    record = Record(
        epoch=await epoch.current(uow),
        at=clock.utc_now(),
        actor_id=deed.actor_id,
        actor=cut("actor", deed.actor),
        address=cut("address", deed.address),
        project_id=project_id,
        action=cut("action", deed.action),
        subject=cut("subject", deed.subject),
        outcome=cut("outcome", outcome),
        request_id=deed.request_id,
        detail=dict(deed.detail),
    )
    seen = Head(record.epoch, *await repository.extend(uow, record))
    if seen.seq % EVERY == 0:
        uow.after_commit(lambda: heads.tell(seen))


async def tell_head(database: Database, heads: Heads) -> None:
    """Tell the end of the chain now, unless there is none yet."""
    async with database.read() as uow:
        head = await repository.find_head(uow)
        row = await repository.find(uow, head.seq) if head is not None else None
    if row is not None:
        heads.tell(Head(row.epoch, row.seq, row.hash))


async def list_(uow: Uow, filters: Filters, limit: int) -> tuple[list[RecordOut], bool]:
    """Return records in order, and whether there are more."""
    rows = await repository.newest(uow, filters, limit + 1)
    return [_out(row) for row in rows[:limit]], len(rows) > limit


async def export(database: Database, after: int = 0) -> AsyncIterator[str]:
    """Yield every record in order, each as one line of JSON, with what verifies it."""
    while True:
        # A reader may be slow; no transaction waits for it.
        async with database.read() as uow:
            rows = await repository.following(uow, after)
        for row in rows:
            yield _out(row).model_dump_json() + "\n"
        if len(rows) < repository.BATCH:
            return
        after = rows[-1].seq


def _out(row: RecordRow) -> RecordOut:
    return RecordOut(**{name: getattr(row, name) for name in RecordOut.model_fields})


async def _record_deed(uow: Uow, heads: Heads) -> None:
    found = trail.current()
    if found is None or found.recorded or not uow.is_deed:
        return
    deed = found.describe()
    # While nobody knows who it is, how it ends tells more than that something was written.
    if deed is None or not deed.actor:
        return
    await append(uow, heads, deed, project_id=found.project_id)
    found.recorded = True


async def _record_end(uow: Uow, heads: Heads, fact: OperationEnded) -> None:
    row = await durable.get(uow, fact.operation_id)
    if row is None:
        return
    deed = Deed(
        action=f"{row.kind}.ended",
        actor=row.requested_by or PLATFORM,
        subject=row.subject,
        detail={"operation": row.id},
    )
    await append(uow, heads, deed, outcome=fact.state, project_id=row.project_id)
