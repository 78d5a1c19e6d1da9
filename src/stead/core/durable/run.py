"""One run of one operation: forward through its steps, or back through what it did.

The step at which an operation stops is always undone too: it may have had its effect
before it failed, was cancelled or was killed.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

from stead.core import log, telemetry
from stead.core.db import Uow
from stead.core.durable import events, failures, limits, store
from stead.core.durable.events import Fact
from stead.core.durable.leash import Leashed
from stead.core.durable.plan import Json, Limit, Plan, Step, StepContext, StepError
from stead.core.durable.requests import DEADLINE
from stead.core.durable.store import Claim, Entry, FencedError, Mark
from stead.core.durable.tables import OperationRow, State, StepState
from stead.core.errors import SteadError
from stead.core.together import Together
from stead.core.waiting import until
from stead.kit import clock

UNDO_ATTEMPTS: Final = 5
AMENDS_SECONDS: Final = 3600.0
WATCH_SECONDS: Final = 3600.0
MAX_PAUSE_SECONDS: Final = 30.0
NOWHERE: Final = -1
Journal: TypeAlias = Together[Entry]
logger = log.get(__name__)


class _ParkedError(Exception):
    """A limit has no free place; the operation was given back until it has."""


class _StoppedError(Exception):
    """A step failed for good, or is not to go on."""


class Run:
    """Drives a claimed operation to its end; safe to start again at any point."""

    def __init__(
        self,
        journal: Journal,
        plans: Mapping[tuple[str, int], Plan],
        claim: Claim,
        checkpoint: Callable[[str, str, str], None],
        held_until: float,
    ) -> None:
        self.claim = claim
        self.held_until = held_until
        self._journal = journal
        self._database = journal.database
        self._plans = plans
        self._checkpoint = checkpoint
        self._cancelled = asyncio.Event()
        self._task: asyncio.Task[Mapping[str, Json]] | None = None
        self._states: list[StepState] = []
        self._results: dict[str, Mapping[str, Json]] = {}
        self._error: dict[str, Json] = {}
        self._in_flight: tuple[OperationRow, int, Step] | None = None

    def cancel(self) -> None:
        """Stop what goes forward; the flag in the database is the truth."""
        self._cancelled.set()
        if self._task is not None:
            self._task.cancel()

    def held(self) -> bool:
        """Tell whether the lease is known to last, by this machine's clock."""
        return clock.monotonic() < self.held_until

    async def drive(self) -> None:
        """Run to the end. Raises FencedError when another worker took over, or may have."""
        seen = self._database.bus.version(_cancel_topic(self.claim.operation_id))
        async with self._database.read() as uow:
            row = await store.get(uow, self.claim.operation_id)
            if row is None:
                return
            states = await store.steps(uow, row.id)
        log.bind(operation=row.id, project=row.project_id)
        plan = self._plans[row.kind, row.plan_version]
        self._states = [StepState(state.state) for state in states]
        self._results = {s.name: s.result or {} for s in states if s.state == StepState.DONE}
        self._error = failures.whole(row.error, row.detail)
        if [state.name for state in states] != [step.name for step in plan.steps]:
            self._error = failures.changed(plan)
            await self._finish(State.UNDO_FAILED)
            return
        if row.cancel_requested:
            self._cancelled.set()
        watcher = asyncio.create_task(self._watch_cancel(row.id, seen))
        try:
            with telemetry.span(f"operation {row.kind}", row.trace, operation=row.id):
                await self._travel(row, plan)
        except _ParkedError:
            return
        finally:
            watcher.cancel()

    async def make_amends(self) -> None:
        """Undo what we may have done after losing the claim.

        A worker that was frozen wakes up in the middle of an effect, and whoever took over has
        perhaps undone that step already. Undo is keyed by the operation, so doing it once more
        touches nothing else; if the operation went forward, the effect is simply its own.
        """
        if self._in_flight is None:
            return
        row, position, step = self._in_flight

        async def look(uow: Uow) -> bool | None:
            now = await store.get(uow, row.id)
            if now is not None and not State(now.state).ended:
                return None
            states = await store.steps(uow, row.id)
            return now is None or states[position].state == StepState.UNDONE

        undone = await until(self._database, events.topic(row.id), look, AMENDS_SECONDS)
        if undone and step.undo is not None:
            logger.warning("operation.step.late", operation=row.id, step=step.name)
            await step.undo(self._context(row, step))

    async def _travel(self, row: OperationRow, plan: Plan) -> None:
        if row.state == State.UNDOING:
            target = NOWHERE if row.back_to is None else row.back_to
            if not await self._back(row, plan, target):
                return
        try:
            await self._forward(row, plan)
        except _StoppedError:
            await self._back(row, plan, NOWHERE)

    async def _forward(self, row: OperationRow, plan: Plan) -> None:
        todo = [n for n, state in enumerate(self._states) if state != StepState.DONE]
        if not todo:  # nothing to do, or an earlier version recorded the end separately
            await self._finish(State.SUCCEEDED)
        begun = False
        for index, position in enumerate(todo):
            step = plan.steps[position]
            if self._cancelled.is_set():
                await self._stop(position, step, cancelled=True)
            if not begun:
                await self._begin(row, position, step)
            self._checkpoint(plan.kind, step.name, "started")
            self._results[step.name] = await self._attempt(row, position, step)
            self._checkpoint(plan.kind, step.name, "effected")
            # The end of one step and the beginning of the next share a commit.
            marks = [Mark(position, step.name, StepState.DONE, self._results[step.name])]
            following = todo[index + 1 : index + 2] if not self._cancelled.is_set() else []
            free = [n for n in following if plan.steps[n].limits is None]
            marks += [Mark(n, plan.steps[n].name, StepState.RUNNING) for n in free]
            begun = bool(free)
            last = index == len(todo) - 1
            await self._record(*marks, release=step.limits is not None, last=last)
            self._in_flight = None
            self._checkpoint(plan.kind, step.name, "recorded")

    async def _begin(self, row: OperationRow, position: int, step: Step) -> None:
        mark = Mark(position, step.name, StepState.RUNNING)
        if step.limits is None:
            await self._record(mark)
            return
        wanted = step.limits(self._context(row, step))
        async with self._fenced() as uow:
            full = await limits.take(uow, row.id, wanted)
            entry = self._parked(step, full) if full is not None else Entry(self.claim, [mark])
            await store.record(uow, [entry])
        if full is not None:
            raise _ParkedError
        self._states[position] = StepState.RUNNING

    def _parked(self, step: Step, full: Limit) -> Entry:
        text = f"Waits for a free place under {full.key} ({full.size} at a time)"
        parked = {"owner": None, "lease_until": 0, "waits_for": full.key}
        fact: Fact = (step.name, "waiting", {"for": full.key, "text": text})
        return Entry(self.claim, changes=parked, facts=[fact])

    async def _attempt(self, row: OperationRow, position: int, step: Step) -> Mapping[str, Json]:
        self._in_flight = row, position, step
        pause = step.backoff_seconds
        for attempt in range(1, step.attempts + 1):
            task = self._task = asyncio.create_task(self._once(row, step))
            if self._cancelled.is_set():
                task.cancel()
            try:
                await asyncio.wait({task})
            finally:
                # An attempt has ended before its undo begins, so that they never meet.
                self._task = None
                task.cancel()
                await asyncio.wait({task})
            if not self.held():
                raise FencedError(row.id)
            if task.cancelled() and self._cancelled.is_set():
                break
            error = None if task.cancelled() else task.exception()
            if error is None and not task.cancelled():
                return task.result()
            self._error, passing = failures.describe(row.id, step, error)
            if not passing or attempt == step.attempts:
                await self._stop(position, step, cancelled=False)
            await self._note(step.name, "retry", {"attempt": attempt, **failures.own(self._error)})
            await self._pause(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
        await self._stop(position, step, cancelled=True)
        raise AssertionError("stopping never returns")

    async def _once(self, row: OperationRow, step: Step) -> Mapping[str, Json]:
        limit = asyncio.timeout(step.limit_seconds)
        try:
            async with limit:
                return _recordable(await Leashed(step.do(self._context(row, step)), self.held))
        except TimeoutError as error:
            if not limit.expired():
                raise
            text = f"“{step.title}” took longer than {step.limit_seconds:g} seconds"
            raise StepError(text) from error

    async def _stop(self, position: int, step: Step, *, cancelled: bool) -> None:
        """Turn round, or stay there to be looked at. Raises _StoppedError."""
        async with self._fenced() as uow:
            row = await store.get(uow, self.claim.operation_id)
            if cancelled:
                late = row is not None and row.cancel_reason == DEADLINE
                self._error = failures.too_late(step) if late else failures.cancelled(step)
            # Also one that never started: a request may have reserved what its undo frees.
            message = str(self._error.get("message", ""))
            mark = Mark(position, step.name, StepState.FAILED, error=message[:2000])
            await limits.release(uow, self.claim.operation_id)
            kept = row is not None and (row.keep or failures.parks(self._error)) and not cancelled
            turned = self._turn(State.UNDOING, mark, error=self._error)
            await store.record(uow, [self._end(State.KEPT, mark) if kept else turned])
        self._states[position] = StepState.FAILED
        if kept:
            raise _ParkedError
        raise _StoppedError

    async def _back(self, row: OperationRow, plan: Plan, target: int) -> bool:
        """Undo down to a step; tell whether to go forward again from there."""
        for position in range(len(plan.steps) - 1, max(target, 0) - 1, -1):
            step = plan.steps[position]
            if self._states[position] in (StepState.PENDING, StepState.UNDONE):
                continue
            if step.undo is not None and not await self._undo(row, position, step):
                await self._finish(State.UNDO_FAILED)
                return False
            self._checkpoint(plan.kind, step.name, "undone")
            await self._record(Mark(position, step.name, StepState.UNDONE))
            self._in_flight = None
        if target == NOWHERE:
            cancelled = self._error.get("code") == failures.CANCELLED
            await self._finish(State.CANCELLED if cancelled else State.FAILED)
            return False
        async with self._fenced() as uow:
            await store.turn_forward(uow, row.id, target)
            await store.record(uow, [self._turn(State.RUNNING, error=None, back_to=None)])
        for position in range(target, len(plan.steps)):
            self._states[position] = StepState.PENDING
            self._results.pop(plan.steps[position].name, None)
        return True

    async def _undo(self, row: OperationRow, position: int, step: Step) -> bool:
        if step.undo is None:
            return True
        self._in_flight = row, position, step
        pause = step.backoff_seconds
        reason = ""
        for attempt in range(1, UNDO_ATTEMPTS + 1):
            try:
                async with asyncio.timeout(step.limit_seconds):
                    await Leashed(step.undo(self._context(row, step)), self.held)
            except asyncio.CancelledError:
                if self.held():
                    raise
                raise FencedError(row.id) from None
            except SteadError as error:
                reason = error.message
            except TimeoutError:
                reason = f"took longer than {step.limit_seconds:g} s"
            except Exception:  # an undo's bug is shown to the operator, not lost
                logger.exception("operation.undo.crashed", operation=row.id, step=step.name)
                reason = "internal error"
            else:
                return True
            await self._note(step.name, "undo_retry", {"attempt": attempt, "message": reason})
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
        self._error["undo"] = {"step": step.name, "message": reason}
        return False

    async def _record(self, *marks: Mark, release: bool = False, last: bool = False) -> None:
        if last:
            self._error = {}
        entry = self._end(State.SUCCEEDED, *marks) if last else Entry(self.claim, marks)
        if release:
            async with self._fenced() as uow:
                await store.record(uow, [entry])
                await limits.release(uow, self.claim.operation_id)
        else:
            await self._put(entry)
        for mark in marks:
            self._states[mark.position] = mark.state

    async def _finish(self, state: State) -> None:
        await self._put(self._end(state))

    def _end(self, state: State, *marks: Mark) -> Entry:
        over = {"owner": None, "finished_at": clock.utc_now(), "back_to": None}
        return self._turn(state, *marks, error=self._error or None, **over)

    def _turn(self, state: State, *marks: Mark, **changes: object) -> Entry:
        facts: list[Fact] = [(None, "state", {"state": state, "error": failures.own(self._error)})]
        return Entry(self.claim, marks, failures.apart(changes) | {"state": state}, facts)

    async def _note(self, step: str, kind: str, data: Mapping[str, Json]) -> None:
        await self._put(Entry(self.claim, facts=[(step, kind, data)]))

    async def _put(self, entry: Entry) -> None:
        """Have something written, together with what others have; prolongs the lease."""
        began = clock.monotonic()
        await self._journal.put(entry)
        self._hold_from(began)

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[Uow]:
        """Open a unit that nobody who took over can have begun before; prolongs the lease."""
        began = clock.monotonic()
        async with self._database.write() as uow:
            await store.record(uow, [Entry(self.claim)])
            yield uow
        self._hold_from(began)

    def _hold_from(self, began: float) -> None:
        self.held_until = max(self.held_until, began + self.claim.hand.lease_seconds)

    def _context(self, row: OperationRow, step: Step) -> StepContext:
        async def emit(kind: str, data: Mapping[str, Json]) -> None:
            await self._note(step.name, kind, data)

        log.bind(step=step.name)
        return StepContext(
            operation_id=row.id,
            project_id=row.project_id,
            subject=row.subject,
            params=row.params,
            results=self._results,
            step=step.name,
            emit=emit,
            round=row.round,
        )

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cancelled.wait()

    async def _watch_cancel(self, operation_id: str, seen: int) -> None:
        topic = _cancel_topic(operation_id)
        bus = self._database.bus
        while True:
            await bus.changed(topic, seen, WATCH_SECONDS)
            seen = bus.version(topic)
            # Waking up says only that it is time to look; heartbeats look at the flag too.
            async with self._database.read() as uow:
                row = await store.get(uow, operation_id)
            if row is not None and row.cancel_requested:
                self.cancel()
                return


def _cancel_topic(operation_id: str) -> str:
    return f"cancel:{operation_id}"


def _recordable(result: Mapping[str, Json] | None) -> Mapping[str, Json]:
    """Return a result as the database gives it back, or fail while the step can be undone."""
    found: dict[str, Json] = json.loads(json.dumps(dict(result or {}), allow_nan=False))
    return found
