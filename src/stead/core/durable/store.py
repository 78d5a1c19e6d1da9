"""All SQL of doing the work: claims, leases, places under limits and records, each fenced.

Statements are made once, here: making them costs more than running them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Row,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from stead.core.db import DatabaseNow, Found, Statement, Uow
from stead.core.durable import events
from stead.core.durable.events import Fact
from stead.core.durable.plan import Json
from stead.core.durable.tables import (
    OPEN,
    HolderRow,
    LimitRow,
    OperationRow,
    State,
    StepRow,
    StepState,
)
from stead.kit import clock

QUEUE: Final = "operations"
OPERATION: Final = cast("Table", OperationRow.__table__)
STEP: Final = cast("Table", StepRow.__table__)
LIMIT: Final = cast("Table", LimitRow.__table__)
HOLDER: Final = cast("Table", HolderRow.__table__)
PLAN: Final = "plan:"
Plans: TypeAlias = tuple[tuple[str, int], ...]
AT_WORK: Final = (State.RUNNING, State.UNDOING)


class FencedError(Exception):
    """Another worker took the operation over; this one must not touch it again."""


_GET: Final = (
    select(OperationRow)
    .where(OperationRow.id == bindparam("b_id"))
    .execution_options(populate_existing=True)
)
_STEPS: Final = (
    select(STEP.c.name, STEP.c.state, STEP.c.result)
    .where(STEP.c.operation_id == bindparam("b_id"))
    .order_by(STEP.c.position)
)


async def get(uow: Uow, operation_id: str) -> OperationRow | None:
    """Return one operation's row as it is now."""
    return (await uow.session.scalars(_GET, {"b_id": operation_id})).one_or_none()


async def steps(uow: Uow, operation_id: str) -> list[Found]:
    """Return the name, state and result of an operation's steps, in order."""
    return await uow.rows(_STEPS, {"b_id": operation_id})


def count(result: object) -> int:
    """Return how many rows a statement changed."""
    return result.rowcount if isinstance(result, CursorResult) else 0


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker as the database sees it: its name, its lease, and the plans it knows."""

    owner: str
    lease_seconds: float
    plans: Collection[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one operation until the lease ends or someone else claims it."""

    operation_id: str
    hand: Hand
    fence: int


# What ``in_`` gets as bare values, and not as literals, it spells out anew at each execution.
_EARLIER = OPERATION.alias("earlier")
_BUSY: Final = exists().where(
    _EARLIER.c.subject == OPERATION.c.subject,
    _EARLIER.c.state.in_([literal(state) for state in OPEN]),
    # Ids sort by time only as long as no clock is set back.
    or_(_EARLIER.c.id < OPERATION.c.id, _EARLIER.c.state != State.QUEUED),
)
_HELD: Final = select(func.count()).where(HOLDER.c.key == OPERATION.c.waits_for).scalar_subquery()
_SIZE: Final = select(LIMIT.c.size).where(LIMIT.c.key == OPERATION.c.waits_for).scalar_subquery()
ABANDONED: Final = and_(
    OPERATION.c.state.in_([literal(state) for state in AT_WORK]),
    OPERATION.c.lease_until < DatabaseNow(),
    or_(OPERATION.c.waits_for.is_(None), func.coalesce(_SIZE, 1) > _HELD),
)
WAITING: Final = and_(OPERATION.c.state == State.QUEUED, ~_BUSY)


def known(plans: Plans) -> ColumnElement[bool]:
    """Return the condition that an operation is of one of these plans."""
    own = tuple_(OPERATION.c.kind, OPERATION.c.plan_version)
    return own.in_([tuple_(literal(kind), literal(version)) for kind, version in plans])


def found(condition: ColumnElement[bool]) -> Select[Any]:
    """Return the question for the most urgent operations of which this is true."""
    return (
        select(OPERATION.c.id, OPERATION.c.fence, OPERATION.c.back_to, OPERATION.c.waits_for)
        .where(condition)
        .order_by(OPERATION.c.priority, OPERATION.c.id)
        .limit(bindparam("b_most"))
    )


def _taken(condition: ColumnElement[bool]) -> Update:
    return (
        update(OPERATION)
        .where(
            OPERATION.c.id == bindparam("b_id"),
            OPERATION.c.fence == bindparam("b_fence"),
            condition,
        )
        .values(
            owner=bindparam("b_owner"),
            fence=OPERATION.c.fence + 1,
            lease_until=DatabaseNow() + bindparam("b_lease"),
            waits_for=None,
            state=func.coalesce(bindparam("b_state"), OPERATION.c.state),
            started_at=func.coalesce(
                OPERATION.c.started_at, bindparam("b_now", type_=OPERATION.c.started_at.type)
            ),
        )
    )


@cache
def _claimable(plans: Plans) -> tuple[tuple[State | None, Select[Any], Update], ...]:
    return tuple(
        (state, found(and_(condition, known(plans))), _taken(condition))
        for state, condition in ((None, ABANDONED), (State.RUNNING, WAITING))
    )


async def claim(uow: Uow, hand: Hand, running: Collection[str] = (), most: int = 1) -> list[Claim]:
    """Claim abandoned operations, else the most urgent ones whose subjects are free.

    What the caller itself still runs is left alone, even when its lease ran out unnoticed.
    """
    for state, find, take in _claimable(tuple(hand.plans)):
        seen = await uow.rows(find, {"b_most": most + len(running)})
        rows = [row for row in seen if row.id not in running][:most]
        # A place under a limit counts once it is taken, so only one is taken at a time.
        rows = [row for number, row in enumerate(rows) if number == 0 or not _place(row)]
        changed = await uow.run([(take, _taking(hand, row, state)) for row in rows])
        won = [row for row, number in zip(rows, changed, strict=True) if number == 1]
        places = [{"key": row.waits_for, "operation_id": row.id} for row in won if _place(row)]
        # Taken now, so that nobody else is woken for the same place.
        await uow.run([(insert(HOLDER), places)] if places else [])
        if won:
            return [Claim(row.id, hand, row.fence + 1) for row in won]
    return []


def _place(row: Row[Any]) -> bool:
    return row.waits_for is not None and not row.waits_for.startswith(PLAN)


def _taking(hand: Hand, row: Row[Any], state: State | None) -> dict[str, object]:
    return {
        "b_id": row.id,
        "b_fence": row.fence,
        "b_owner": hand.owner,
        "b_lease": hand.lease_seconds,
        "b_state": State.UNDOING if state and row.back_to is not None else state,
        "b_now": clock.utc_now(),
    }


async def extend_leases(uow: Uow, hand: Hand, running: Iterable[str]) -> dict[str, bool]:
    """Prolong what this worker owns and really runs; return operation id to cancel flag."""
    own = (
        OPERATION.c.owner == hand.owner,
        OPERATION.c.id.in_(list(running)),
        OPERATION.c.state.in_(AT_WORK),
    )
    await uow.session.execute(
        update(OPERATION).where(*own).values(lease_until=DatabaseNow() + hand.lease_seconds)
    )
    asked = select(OPERATION.c.id, OPERATION.c.cancel_requested).where(*own)
    return {row.id: row.cancel_requested for row in await uow.session.execute(asked)}


async def abandon_all(uow: Uow) -> None:
    """End every lease at once; for a process that knows it is the only one."""
    await uow.session.execute(
        update(OPERATION).where(OPERATION.c.state.in_(AT_WORK)).values(lease_until=0)
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """A step's new state, as it is written down."""

    position: int
    name: str
    state: StepState
    result: Mapping[str, Json] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written on behalf of a claim: changes of the operation, states of steps, facts."""

    claim: Claim
    marks: Sequence[Mark] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    facts: Sequence[Fact] = ()

    def told(self) -> Iterator[Fact]:
        """Return an event for each state of a step, and what else there is to tell."""
        yield from ((m.name, "step", {"state": m.state}) for m in self.marks)
        yield from self.facts


async def record(uow: Uow, entries: Sequence[Entry]) -> None:
    """Write entries down, each of another operation; what changes nothing prolongs its lease.

    Raises FencedError when a claim was taken over: then nothing of this may be committed.
    """
    guards: dict[frozenset[str], list[dict[str, object]]] = {}
    for one in entries:
        guards.setdefault(frozenset(one.changes), []).append(_guarded(one))
    statements: list[Statement] = [(_guard(names), rows) for names, rows in guards.items()]
    marks = [_marked(one.claim.operation_id, mark) for one in entries for mark in one.marks]
    if marks:
        statements.append((_MARK, marks))
    facts = [(one.claim.operation_id, fact) for one in entries for fact in one.told()]
    changed = await uow.run([*statements, *events.told(uow, facts)])
    if sum(changed[: len(guards)]) != len(entries):
        raise FencedError(", ".join(one.claim.operation_id for one in entries))


_MINE: Final = (
    OPERATION.c.id == bindparam("b_id"),
    OPERATION.c.owner == bindparam("b_owner"),
    OPERATION.c.fence == bindparam("b_fence"),
)


@cache
def _guard(names: frozenset[str]) -> Update:
    kept: dict[str, Any] = {"lease_until": DatabaseNow() + bindparam("b_lease")}
    given = {name: bindparam(f"v_{name}", type_=OPERATION.c[name].type) for name in names}
    return update(OPERATION).where(*_MINE).values(kept | given)


def _guarded(entry: Entry) -> dict[str, object]:
    mine = {
        "b_id": entry.claim.operation_id,
        "b_owner": entry.claim.hand.owner,
        "b_fence": entry.claim.fence,
        "b_lease": entry.claim.hand.lease_seconds,
    }
    return mine | {f"v_{name}": value for name, value in entry.changes.items()}


def _or_kept(name: str) -> ColumnElement[Any]:
    column = STEP.c[name]
    return func.coalesce(bindparam(f"b_{name}", type_=column.type), column)


_MARK: Final = (
    update(STEP)
    .where(STEP.c.operation_id == bindparam("b_id"), STEP.c.position == bindparam("b_position"))
    .values(
        state=bindparam("b_state"),
        started_at=func.coalesce(
            STEP.c.started_at, bindparam("b_started", type_=STEP.c.started_at.type)
        ),
        finished_at=_or_kept("finished_at"),
        result=_or_kept("result"),
        error=_or_kept("error"),
    )
)


def _marked(operation_id: str, mark: Mark) -> dict[str, object]:
    now = clock.utc_now()
    return {
        "b_id": operation_id,
        "b_position": mark.position,
        "b_state": mark.state,
        "b_started": now if mark.state is StepState.RUNNING else None,
        "b_finished_at": now if mark.state in (StepState.DONE, StepState.FAILED) else None,
        "b_result": dict(mark.result) if mark.state is StepState.DONE else None,
        "b_error": mark.error,
    }


_CLEAN: Final = {"started_at": None, "finished_at": None, "result": None, "error": None}


async def turn_forward(uow: Uow, operation_id: str, position: int) -> None:
    """Let the steps from here on be as if they had never begun."""
    await uow.session.execute(
        update(STEP)
        .where(STEP.c.operation_id == operation_id, STEP.c.position >= position)
        .values(state=StepState.PENDING, **_CLEAN)
    )
