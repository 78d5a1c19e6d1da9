"""All SQL of the audit trail."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Insert,
    String,
    bindparam,
    cast,
    func,
    insert,
    select,
    text,
    update,
)

from stead.audit import rules
from stead.audit.models import HeadRow, RecordRow
from stead.audit.rules import PLACE, START, Around, Record
from stead.core.db import Uow, platform_wide

_ONLY: Final = 1
BATCH: Final = 1000
_HEAD: Final = HeadRow.metadata.tables[HeadRow.__tablename__]
_RECORD: Final = RecordRow.metadata.tables[RecordRow.__tablename__]
# Two may be the first at once; one of them waits for the other here.
_BEGIN: Final = text(
    "insert into audit_head (id, seq, hash) values (:id, 0, :hash) on conflict (id) do nothing"
)


def _given(name: str) -> ColumnElement[Any]:
    return bindparam(f"b_{name}", type_=_RECORD.c[name].type)


def _hashed(old: CTE) -> ColumnElement[str]:
    """Return the hash of a record that follows the end of the chain; rules.digest is the same."""
    before, between, after = (bindparam(f"b_{name}", type_=String) for name in Around._fields)
    number = cast(old.c.seq + 1, String)
    whole = before + old.c.hash + between + number + after
    return func.encode(func.sha256(func.convert_to(whole, "UTF8")), "hex", type_=String)


def _extending() -> Insert:
    old = select(_HEAD).where(_HEAD.c.id == _ONLY).with_for_update().cte("old")
    new = (
        update(_HEAD)
        .where(_HEAD.c.id == old.c.id)
        .values(seq=old.c.seq + 1, hash=_hashed(old))
        .returning(_HEAD.c.seq, old.c.hash.label("previous"), _HEAD.c.hash)
        .cte("new")
    )
    known = [one.name for one in fields(Record) if one.name not in PLACE]
    values = select(new, *map(_given, known))
    return (
        insert(_RECORD)
        .from_select([*new.c.keys(), *known], values)
        .returning(_RECORD.c.seq, _RECORD.c.hash)
    )


_EXTEND: Final = _extending()


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


async def extend(uow: Uow, record: Record) -> tuple[int, str]:
    """Add a record to the end of the chain, wherever that is by now; return number and hash.

    The end is held until this transaction ends, and everybody who does something waits for it.
    So a server that several processes share is told once and does the rest by itself: going
    there and back to read the end, to add to it and to move it took longer than all that.
    """
    if uow.session.get_bind().dialect.name == "sqlite":
        return await _extend_held(uow, record)
    known = asdict(record) | rules.around(record)._asdict()
    given = {f"b_{name}": value for name, value in known.items() if name not in PLACE}
    rows = await uow.rows(_EXTEND, given)
    if not rows:
        await uow.session.execute(_BEGIN, {"id": _ONLY, "hash": START})
        rows = await uow.rows(_EXTEND, given)
    return rows[0][0], rows[0][1]


async def _extend_held(uow: Uow, record: Record) -> tuple[int, str]:
    """Do the same where nobody else can write meanwhile."""
    head = await uow.session.get(HeadRow, _ONLY)
    if head is None:
        head = HeadRow(id=_ONLY, seq=0, hash=START)
        uow.session.add(head)
    placed = replace(record, seq=head.seq + 1, previous=head.hash)
    head.seq, head.hash = placed.seq, rules.digest(placed)
    uow.session.add(RecordRow(**asdict(placed), hash=head.hash))
    await uow.session.flush()
    return head.seq, head.hash


async def find_head(uow: Uow) -> HeadRow | None:
    return await uow.session.get(HeadRow, _ONLY)


@platform_wide("the chain is one, whoever the rows are about")
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
