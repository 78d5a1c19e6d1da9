"""All SQL of doing the work: claims, leases, places under limits and records, each fenced.

Statements are made once, here: making them costs more than running them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from stead.core.db import DatabaseNow, Statement, Uow
from stead.core.durable.plan import Json
from stead.core.durable.tables import (
    OPEN,
    EventRow,
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
EVENT: Final = cast("Table", EventRow.__table__)
LIMIT: Final = cast("Table", LimitRow.__table__)
HOLDER: Final = cast("Table", HolderRow.__table__)
PLAN: Final = "plan:"
AT_WORK: Final = (State.RUNNING, State.UNDOING)
Facts: TypeAlias = Sequence[tuple[str, Mapping[str, Json]]]


class FencedError(Exception):
    """Another worker took the operation over; this one must not touch it again."""


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """A fact: an operation has come to its end, in this state."""

    operation_id: str
    state: str


def topic(operation_id: str) -> str:
    """Return the bus topic of one operation's events."""
    return f"operation:{operation_id}"


async def get(uow: Uow, operation_id: str) -> OperationRow | None:
    """Return one operation's row as it is now."""
    return await uow.session.get(OperationRow, operation_id, populate_existing=True)


async def steps(session: AsyncSession, operation_id: str) -> list[StepRow]:
    """Return an operation's steps in order."""
    rows = await session.scalars(
        select(StepRow).where(StepRow.operation_id == operation_id).order_by(StepRow.position)
    )
    return list(rows)


def count(result: object) -> int:
    """Return how many rows a statement changed."""
    return result.rowcount if isinstance(result, CursorResult) else 0


_LOCK: Final = select(OPERATION.c.id).where(OPERATION.c.id == bindparam("b_id")).with_for_update()


async def append_event(
    uow: Uow, operation_id: str, kind: str, data: Mapping[str, Json], step: str | None = None
) -> None:
    """Add one fact to an operation and wake those who watch it."""
    await append_events(uow, operation_id, [(kind, data)], step)


async def append_events(
    uow: Uow, operation_id: str, facts: Facts, step: str | None = None
) -> None:
    """Add facts to an operation in this order.

    Whoever writes an operation's events holds its row, so they are committed in the order of
    their numbers, and one who reads on after the last that they saw misses none.
    """
    if uow.session.get_bind().dialect.name != "sqlite":
        await uow.session.execute(_LOCK, {"b_id": operation_id})
    await uow.run(_tell(uow, operation_id, [(step, kind, data) for kind, data in facts]))


_Fact: TypeAlias = tuple[str | None, str, Mapping[str, Json]]
_ADD: Final = insert(EVENT)


def _tell(uow: Uow, operation_id: str, facts: Sequence[_Fact]) -> list[Statement]:
    for _, kind, data in facts:
        if kind == "state" and State(str(data["state"])).ended:
            uow.tell(OperationEnded(operation_id, str(data["state"])))
    if not facts:
        return []
    now = clock.utc_now()
    rows = [
        {"operation_id": operation_id, "at": now, "step": step, "kind": kind, "data": dict(data)}
        for step, kind, data in facts
    ]
    uow.wake(topic(operation_id))
    return [(_ADD, rows)]


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker as the database sees it: its name, its lease, and the plans it knows."""

    owner: str
    lease_seconds: float
    plans: Collection[tuple[str, int]]

    @property
    def knows(self) -> ColumnElement[bool]:
        """Return the condition that an operation's plan is known."""
        kind, version = OPERATION.c.kind, OPERATION.c.plan_version
        return or_(false(), *(and_(kind == k, version == v) for k, v in self.plans))


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one operation until the lease ends or someone else claims it."""

    operation_id: str
    hand: Hand
    fence: int


_EARLIER = OPERATION.alias("earlier")
_BUSY: Final = exists().where(
    _EARLIER.c.subject == OPERATION.c.subject,
    _EARLIER.c.state.in_(OPEN),
    # Ids sort by time only as long as no clock is set back.
    or_(_EARLIER.c.id < OPERATION.c.id, _EARLIER.c.state != State.QUEUED),
)
_HELD: Final = select(func.count()).where(HOLDER.c.key == OPERATION.c.waits_for).scalar_subquery()
_SIZE: Final = select(LIMIT.c.size).where(LIMIT.c.key == OPERATION.c.waits_for).scalar_subquery()
ABANDONED: Final = and_(
    OPERATION.c.state.in_(AT_WORK),
    OPERATION.c.lease_until < DatabaseNow(),
    or_(OPERATION.c.waits_for.is_(None), func.coalesce(_SIZE, 1) > _HELD),
)
WAITING: Final = and_(OPERATION.c.state == State.QUEUED, ~_BUSY)
_SEEN: Final = (
    OPERATION.c.id,
    OPERATION.c.fence,
    OPERATION.c.back_to,
    OPERATION.c.waits_for,
    OPERATION.c.started_at,
)


async def claim_next(uow: Uow, hand: Hand, running: Collection[str] = ()) -> Claim | None:
    """Claim an abandoned operation, else the most urgent one whose subject is free.

    What the caller itself still runs is left alone, even when its lease ran out unnoticed.
    """
    for condition in (ABANDONED, WAITING):
        found = await uow.session.execute(
            select(*_SEEN)
            .where(condition, hand.knows, OPERATION.c.id.not_in(running))
            .order_by(OPERATION.c.priority, OPERATION.c.id)
            .limit(1)
        )
        row = found.first()
        if row is None:
            continue
        values: dict[str, object] = {
            "owner": hand.owner,
            "fence": row.fence + 1,
            "lease_until": DatabaseNow() + hand.lease_seconds,
            "waits_for": None,
        }
        if condition is WAITING:
            values["state"] = State.RUNNING if row.back_to is None else State.UNDOING
            values["started_at"] = row.started_at or clock.utc_now()
        same = (OPERATION.c.id == row.id, OPERATION.c.fence == row.fence)
        changed = await uow.session.execute(
            update(OPERATION).where(*same, condition).values(values)
        )
        if count(changed) == 1:
            if row.waits_for is not None and not row.waits_for.startswith(PLAN):
                # Taken now, so that nobody else is woken for the same place.
                await uow.session.execute(
                    insert(HOLDER), [{"key": row.waits_for, "operation_id": row.id}]
                )
            return Claim(row.id, hand, row.fence + 1)
    return None


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
    rows = await uow.session.execute(
        select(OPERATION.c.id, OPERATION.c.cancel_requested).where(*own)
    )
    return {row.id: row.cancel_requested for row in rows}


async def abandon_all(uow: Uow) -> None:
    """End every lease at once; for a process that knows it is the only one."""
    await uow.session.execute(
        update(OPERATION).where(OPERATION.c.state.in_(AT_WORK)).values(lease_until=0)
    )


_GUARD: Final = update(OPERATION).where(
    OPERATION.c.id == bindparam("b_id"),
    OPERATION.c.owner == bindparam("b_owner"),
    OPERATION.c.fence == bindparam("b_fence"),
)
_PROLONG: Final = _GUARD.values(lease_until=DatabaseNow() + bindparam("b_lease"))


async def guard(uow: Uow, claim: Claim, **changes: Any) -> None:  # noqa: ANN401  (any column)
    """Change the operation, or only prolong its lease, on behalf of a claim.

    Raises FencedError when the claim was taken over: then nothing may be written.
    """
    await record(uow, claim, changes=changes)


async def record(
    uow: Uow,
    claim: Claim,
    marks: Sequence["Mark"] = (),
    *,
    changes: Mapping[str, Any] | None = None,
    facts: Facts = (),
) -> None:
    """Do as ``guard``, and write down what steps have come to, with an event for each.

    Further facts follow. Raises FencedError; then the unit of work must not be committed.
    """
    told: list[_Fact] = [(m.name, "step", {"state": m.state}) for m in marks]
    told += [(None, kind, data) for kind, data in facts]
    done = [_guard(claim, changes or {}), *_mark(claim.operation_id, marks)]
    changed, *_ = await uow.run([*done, *_tell(uow, claim.operation_id, told)])
    if changed != 1:
        raise FencedError(claim.operation_id)


def _guard(claim: Claim, changes: Mapping[str, Any]) -> Statement:
    mine: dict[str, object] = {
        "b_id": claim.operation_id,
        "b_owner": claim.hand.owner,
        "b_fence": claim.fence,
    }
    if changes:
        return _GUARD.values(changes), mine
    return _PROLONG, mine | {"b_lease": claim.hand.lease_seconds}


@dataclass(frozen=True, slots=True)
class Mark:
    """A step's new state, as it is written down."""

    position: int
    name: str
    state: StepState
    result: Mapping[str, Json] = field(default_factory=dict)
    error: str | None = None


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


def _mark(operation_id: str, marks: Sequence[Mark]) -> list[Statement]:
    now = clock.utc_now()
    values = [
        {
            "b_id": operation_id,
            "b_position": mark.position,
            "b_state": mark.state,
            "b_started": now if mark.state is StepState.RUNNING else None,
            "b_finished_at": now if mark.state in (StepState.DONE, StepState.FAILED) else None,
            "b_result": dict(mark.result) if mark.state is StepState.DONE else None,
            "b_error": mark.error,
        }
        for mark in marks
    ]
    return [(_MARK, values)] if values else []


_CLEAN: Final = {"started_at": None, "finished_at": None, "result": None, "error": None}


async def turn_forward(uow: Uow, operation_id: str, position: int) -> None:
    """Let the steps from here on be as if they had never begun."""
    await uow.session.execute(
        update(STEP)
        .where(STEP.c.operation_id == operation_id, STEP.c.position >= position)
        .values(state=StepState.PENDING, **_CLEAN)
    )
