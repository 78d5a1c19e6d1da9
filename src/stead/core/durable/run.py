"""One run of one operation: forward through its steps, or back through what it did.

The step at which an operation stops is always undone too: it may have had its effect
before it failed, was cancelled or was killed.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Final

from stead.core import log
from stead.core.db import Database, Uow
from stead.core.durable import store
from stead.core.durable.plan import Json, Plan, Step, StepContext, StepError
from stead.core.durable.store import Claim, Mark
from stead.core.durable.tables import OperationRow, State, StepRow, StepState
from stead.core.errors import SteadError
from stead.core.waiting import until
from stead.kit import clock

UNDO_ATTEMPTS: Final = 5
AMENDS_SECONDS: Final = 3600.0
WATCH_SECONDS: Final = 3600.0
MAX_PAUSE_SECONDS: Final = 30.0
logger = log.get(__name__)


class _Outcome(Enum):
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()


class Run:
    """Drives a claimed operation to its end; safe to start again at any point."""

    def __init__(
        self,
        database: Database,
        plans: Mapping[tuple[str, int], Plan],
        claim: Claim,
        checkpoint: Callable[[str, str, str], None],
    ) -> None:
        self.claim = claim
        self._database = database
        self._plans = plans
        self._checkpoint = checkpoint
        self._cancelled = asyncio.Event()
        self._results: dict[str, Mapping[str, Json]] = {}
        self._error: dict[str, Json] = {}
        self._in_flight: tuple[OperationRow, Step] | None = None

    def cancel(self) -> None:
        """Stop at the next safe point; the flag in the database is the truth."""
        self._cancelled.set()

    async def drive(self) -> None:
        """Run to the end. Raises FencedError when another worker took over."""
        seen = self._database.bus.version(_cancel_topic(self.claim.operation_id))
        async with self._database.read() as uow:
            row = await store.get(uow, self.claim.operation_id)
            if row is None:
                return
            states = await store.steps(uow.session, row.id)
        plan = self._plans.get((row.kind, row.plan_version))
        if plan is None:
            logger.error("operation.plan.unknown", operation=row.id, kind=row.kind)
            return
        self._results = {s.name: s.result or {} for s in states if s.state == StepState.DONE}
        self._error = dict(row.error or {})
        if row.cancel_requested:
            self._cancelled.set()
        watcher = asyncio.create_task(self._watch_cancel(row.id, seen))
        try:
            if row.state != State.UNDOING and await self._forward(row, plan, states):
                return
            await self._back(row, plan)
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
        row, step = self._in_flight
        ended = await until(self._database, store.topic(row.id), self._find_end, AMENDS_SECONDS)
        if step.undo is None or ended not in {State.FAILED, State.CANCELLED}:
            return
        logger.warning("operation.step.late", operation=row.id, step=step.name)
        await step.undo(self._context(row, step))

    async def _find_end(self, uow: Uow) -> State | None:
        row = await store.get(uow, self.claim.operation_id)
        if row is None:
            return State.CANCELLED
        return State(row.state) if State(row.state).ended else None

    async def _forward(self, row: OperationRow, plan: Plan, states: list[StepRow]) -> bool:
        todo = [
            (state.position, step)
            for step, state in zip(plan.steps, states, strict=True)
            if state.state != StepState.DONE
        ]
        begun = False
        for index, (position, step) in enumerate(todo):
            if self._cancelled.is_set() and plan.cancellable:
                await self._stop(row, step, position, _Outcome.CANCELLED)
                return False
            if not begun:
                await self._record(Mark(position, step.name, StepState.RUNNING))
            self._checkpoint(plan.kind, step.name, "started")
            outcome, result = await self._attempt(row, plan, step)
            self._checkpoint(plan.kind, step.name, "effected")
            if outcome is not _Outcome.DONE:
                await self._stop(row, step, position, outcome)
                return False
            self._results[step.name] = result
            # The end of one step and the beginning of the next share a commit.
            marks = [Mark(position, step.name, StepState.DONE, result)]
            begun = index + 1 < len(todo) and not self._cancelled.is_set()
            if begun:
                following, after = todo[index + 1]
                marks.append(Mark(following, after.name, StepState.RUNNING))
            await self._record(*marks)
            self._in_flight = None
            self._checkpoint(plan.kind, step.name, "recorded")
        await self._finish(State.SUCCEEDED)
        return True

    async def _attempt(
        self, row: OperationRow, plan: Plan, step: Step
    ) -> tuple[_Outcome, Mapping[str, Json]]:
        context = self._context(row, step)
        self._in_flight = row, step
        pause = step.backoff_seconds
        for attempt in range(1, step.attempts + 1):
            task = asyncio.create_task(self._limited(step, context))
            try:
                if plan.cancellable and await self._cancelled_first(task):
                    return _Outcome.CANCELLED, {}
                return _Outcome.DONE, await task
            except SteadError as error:
                self._error = _describe(step, error)
                if not error.retryable or attempt == step.attempts:
                    break
            except Exception:  # a step's bug must undo the operation, not stop the worker
                logger.exception("operation.step.crashed", operation=row.id, step=step.name)
                self._error = _crashed(step)
                break
            finally:
                await _end(task)
            await self._note(step.name, "retry", {"attempt": attempt, **self._error})
            await self._pause(pause)
            if plan.cancellable and self._cancelled.is_set():
                return _Outcome.CANCELLED, {}
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
        return _Outcome.FAILED, {}

    async def _limited(self, step: Step, context: StepContext) -> Mapping[str, Json]:
        limit = asyncio.timeout(step.limit_seconds)
        try:
            async with limit:
                return _recordable(await step.do(context))
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _took_too_long(step) from error

    async def _cancelled_first(self, task: "asyncio.Task[Mapping[str, Json]]") -> bool:
        flag = asyncio.create_task(self._cancelled.wait())
        try:
            await asyncio.wait({task, flag}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() or not self._cancelled.is_set():
                return False
            task.cancel()
            await asyncio.wait({task})
            return True
        finally:
            flag.cancel()

    async def _stop(self, row: OperationRow, step: Step, position: int, outcome: _Outcome) -> None:
        if outcome is _Outcome.CANCELLED:
            self._error = {
                "code": "operation.cancelled",
                "message": "Cancelled",
                "step": step.name,
            }
        async with self._fenced() as uow:
            state = await uow.session.get_one(StepRow, (row.id, position))
            # Also one that never started: a request may have reserved what its undo frees.
            state.state = StepState.FAILED
            state.error = str(self._error.get("message", ""))
            state.finished_at = clock.utc_now()
            await self._event(uow, step.name, "step", {"state": StepState.FAILED})
            operation = await uow.session.get_one(OperationRow, row.id)
            operation.state = State.UNDOING
            operation.error = dict(self._error)
            await self._event(uow, None, "state", {"state": State.UNDOING, "error": self._error})

    async def _back(self, row: OperationRow, plan: Plan) -> None:
        async with self._database.read() as uow:
            states = await store.steps(uow.session, row.id)
        for step, state in reversed(list(zip(plan.steps, states, strict=True))):
            if state.state in (StepState.PENDING, StepState.UNDONE):
                continue
            if step.undo is not None and not await self._undo(row, step):
                await self._finish(State.UNDO_FAILED)
                return
            self._checkpoint(plan.kind, step.name, "undone")
            await self._record(Mark(state.position, step.name, StepState.UNDONE))
        cancelled = self._error.get("code") == "operation.cancelled"
        await self._finish(State.CANCELLED if cancelled else State.FAILED)

    async def _undo(self, row: OperationRow, step: Step) -> bool:
        if step.undo is None:
            return True
        pause = step.backoff_seconds
        for attempt in range(1, UNDO_ATTEMPTS + 1):
            try:
                async with asyncio.timeout(step.limit_seconds):
                    await step.undo(self._context(row, step))
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
        return False

    async def _record(self, *marks: Mark) -> None:
        async with self._fenced() as uow:
            await store.mark_steps(uow, self.claim.operation_id, marks)

    async def _finish(self, state: State) -> None:
        async with self._fenced() as uow:
            row = await uow.session.get_one(OperationRow, self.claim.operation_id)
            row.state = state
            row.owner = None
            row.finished_at = clock.utc_now()
            await self._event(uow, None, "state", {"state": state, "error": self._error})
            uow.wake(f"subject:{row.subject}")

    async def _note(self, step: str, kind: str, data: Mapping[str, Json]) -> None:
        async with self._fenced() as uow:
            await self._event(uow, step, kind, data)

    async def _event(
        self, uow: Uow, step: str | None, kind: str, data: Mapping[str, Json]
    ) -> None:
        await store.append_event(uow, self.claim.operation_id, kind, data, step)

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[Uow]:
        async with self._database.write() as uow:
            await store.guard(uow, self.claim)
            yield uow

    def _context(self, row: OperationRow, step: Step) -> StepContext:
        async def emit(kind: str, data: Mapping[str, Json]) -> None:
            await self._note(step.name, kind, data)

        return StepContext(
            operation_id=row.id,
            project_id=row.project_id,
            subject=row.subject,
            params=row.params,
            results=self._results,
            step=step.name,
            emit=emit,
        )

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._cancelled.wait()
        except TimeoutError:
            return

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
                self._cancelled.set()
                return


def _cancel_topic(operation_id: str) -> str:
    return f"cancel:{operation_id}"


async def _end(task: "asyncio.Task[Mapping[str, Json]]") -> None:
    """Cancel an attempt and wait until it is over, so that its undo never meets it."""
    task.cancel()
    await asyncio.wait({task})


def _recordable(result: Mapping[str, Json] | None) -> Mapping[str, Json]:
    """Return a result as the database gives it back, or fail while the step can be undone."""
    found: dict[str, Json] = json.loads(json.dumps(dict(result or {}), allow_nan=False))
    return found


def _describe(step: Step, error: SteadError) -> dict[str, Json]:
    described: dict[str, Json] = {
        "code": error.code,
        "message": error.message,
        "step": step.name,
        "hint": error.hint,
    }
    return described


def _crashed(step: Step) -> dict[str, Json]:
    return {
        "code": "internal",
        "message": "An unexpected error stopped this step; the server's log has the details",
        "step": step.name,
    }


def _took_too_long(step: Step) -> SteadError:
    return StepError(f"“{step.title}” took longer than {step.limit_seconds:g} seconds")
