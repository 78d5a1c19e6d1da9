"""Finds out whether somebody changed the audit trail behind our back."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from stead.audit import repository
from stead.audit.heads import EVERY, BrokenHeadError, Head, Heads
from stead.audit.models import RecordRow
from stead.audit.rules import START, Record, digest
from stead.core.db import Uow

ENOUGH: Final = 20


@dataclass(slots=True)
class Verdict:
    """What was found. ``notes`` are no faults: restores that put an older end in place."""

    records: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    seq: int = 0
    epoch: int = 0
    hash: str = START


async def verify(uow: Uow, heads: Heads) -> Verdict:
    """Look at every record, at the end of the chain and at what was told outside."""
    verdict = Verdict()
    told, broken = _told(heads)
    verdict.problems += broken
    seen: dict[int, Head] = {}
    starts: dict[int, int] = {}
    walk = _Walk()
    async for row in _rows(uow):
        verdict.records += 1
        verdict.problems += _judged(row, walk)
        if row.epoch != walk.epoch:
            starts.setdefault(row.epoch, row.seq)
        walk = _Walk(row.seq, row.epoch, row.hash)
        if row.seq in told:
            seen[row.seq] = Head(row.epoch, row.seq, row.hash)
        if len(verdict.problems) >= ENOUGH:
            verdict.problems.append("There may be more; this is enough to distrust it")
            return verdict
    verdict.problems += await _end(uow, walk)
    for lines in told.values():
        for head in lines:
            _compare(head, seen.get(head.seq), starts, verdict)
    if verdict.records >= EVERY and not told and not broken:
        verdict.problems.append(f"The file of heads, {heads.path}, is missing or empty")
    return verdict


async def _rows(uow: Uow) -> AsyncIterator[RecordRow]:
    after = 0
    while rows := await repository.following(uow, after):
        for row in rows:
            yield row
        after = rows[-1].seq
        uow.session.expunge_all()


def _judged(row: RecordRow, walk: _Walk) -> Iterator[str]:
    expected = walk.seq + 1
    if row.seq != expected:
        missing = str(expected) if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
        yield f"Records are missing: {missing}"
    elif row.previous != walk.hash:
        yield f"Record {row.seq} does not follow the one before it"
    if row.epoch < walk.epoch:
        yield f"Record {row.seq} goes back to an earlier epoch"
    if digest(_record(row)) != row.hash:
        yield f"Record {row.seq} was changed"


def _record(row: RecordRow) -> Record:
    return Record(**{one.name: getattr(row, one.name) for one in fields(Record)})


async def _end(uow: Uow, walk: _Walk) -> list[str]:
    head = await repository.find_head(uow)
    if head is None:
        return ["The end of the chain is gone"] if walk.seq else []
    if head.seq > walk.seq:
        return [f"The end is cut off: there were {head.seq} records, there are {walk.seq}"]
    if (head.seq, head.hash) != (walk.seq, walk.hash):
        return ["The end of the chain is not the last record"]
    return []


def _told(heads: Heads) -> tuple[Mapping[int, list[Head]], list[str]]:
    told: dict[int, list[Head]] = {}
    try:
        for head in heads.read():
            told.setdefault(head.seq, []).append(head)
    except BrokenHeadError as error:
        return told, [str(error)]
    return told, []


def _compare(head: Head, found: Head | None, starts: Mapping[int, int], verdict: Verdict) -> None:
    if found == head:
        return
    # A restore from an older copy takes the records after it away, and says so by an epoch.
    later = [seq for number, seq in starts.items() if number > head.epoch and seq <= head.seq]
    if later:
        note = f"Records {min(later)} to {head.seq} of epoch {head.epoch} went with a restore"
        if note not in verdict.notes:
            verdict.notes.append(note)
    elif found is None:
        verdict.problems.append(f"The end is cut off: record {head.seq} was told, and is gone")
    else:
        verdict.problems.append(f"Record {head.seq} is not the one that was told outside")
