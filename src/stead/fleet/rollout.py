"""The durable flow of work on many machines: canaries first, a few at once, stop in time.

Every machine has an operation of its own, submitted in the transaction that says so in its
row; after a crash those that were begun are followed, not begun again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import Limit, OperationRow, Plan, State, Step, StepContext, StepError
from stead.core.errors import SteadError
from stead.core.waiting import until
from stead.fleet import bulk, repository, rules
from stead.fleet.models import BulkRow, TargetRow
from stead.fleet.rules import TargetState
from stead.fleet.tasks import Fleet

# A worker has room for so many; what they wait for needs room too.
AT_ONCE: Final = 4
LONGEST_SECONDS: Final = 7 * 24 * 3600.0
# Others may be before it.
DEADLINE_SECONDS: Final = 8 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the flow works with. ``fleet`` is known only after its plans are."""

    database: Database
    fleet: Callable[[], Fleet]


def bulk_plan(tools: Tools) -> Plan:
    """Return the plan of work on many machines."""
    flow = _Rollout(tools)
    limit = Limit("work on many machines", AT_ONCE)
    run = Step(
        "run",
        "Work on the machines",
        flow.run,
        flow.settle,
        attempts=1,
        limit_seconds=LONGEST_SECONDS,
        limits=lambda _context: (limit,),
    )
    return Plan(kind="fleet.bulk", version=1, steps=(run,), deadline_seconds=DEADLINE_SECONDS)


class _Rollout:
    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        self._fleet = tools.fleet

    async def run(self, context: StepContext) -> dict[str, durable.Json]:
        """Work on all, or raise StepError once too many have failed."""
        bulk_id = context.text("bulk_id")
        async with self._database.read() as uow:
            row = await repository.find_bulk(uow, bulk_id)
            positions = [one.position for one in await repository.list_targets(uow, bulk_id)]
        if row is None:
            raise StepError("The record of this work is gone")
        wave = _Wave(self, context, row, len(positions))
        canaries, others = positions[: row.canaries], positions[row.canaries :]
        await wave.work_on(canaries, accepted=0)
        await wave.work_on(others, accepted=row.accepted_failures)
        return {"failed": wave.failed, "of": len(positions)}

    async def settle(self, context: StepContext) -> None:
        """Begin nothing more, wait for what runs, and write down how it ended."""
        async with self._database.write() as uow:
            for target in await repository.list_targets(uow, context.text("bulk_id")):
                if target.state == TargetState.PENDING:
                    target.state, target.reason = TargetState.CANCELLED, "Not begun"
        async with self._database.read() as uow:
            targets = await repository.list_targets(uow, context.text("bulk_id"))
            running = [one for one in targets if one.state == TargetState.RUNNING]
        await asyncio.gather(*(self.follow(one) for one in running))

    async def work(self, bulk_id: str, position: int) -> TargetRow:
        """Work on one machine until it has ended; return how it stands."""
        target = await self._begun(bulk_id, position)
        return await self.follow(target) if target.state == TargetState.RUNNING else target

    async def follow(self, target: TargetRow) -> TargetRow:
        """Wait for the end of what was begun, and write it down."""
        operation_id = target.operation_id or ""
        ended = await until(
            self._database, f"operation:{operation_id}", _ended(operation_id), LONGEST_SECONDS
        )
        async with self._database.write() as uow:
            found = await repository.find_target(uow, target.bulk_id, target.position)
            if found is None:
                return target
            if found.state == TargetState.RUNNING:
                found.state, found.reason = _outcome(ended)
        return found

    async def _begun(self, bulk_id: str, position: int) -> TargetRow:
        try:
            async with self._database.write() as uow:
                row, target = await _both(uow, bulk_id, position)
                if target.state == TargetState.PENDING:
                    fleet = self._fleet()
                    target.operation_id = await bulk.begin_target(uow, fleet, row, target)
                    target.state = TargetState.RUNNING
                return target
        except StepError:
            raise
        except SteadError as error:
            async with self._database.write() as uow:
                _, target = await _both(uow, bulk_id, position)
                target.state, target.reason = TargetState.FAILED, error.message[:500]
            return target


class _Wave:
    """Counts what has failed, so that no more is begun than may be."""

    def __init__(self, rollout: _Rollout, context: StepContext, row: BulkRow, total: int) -> None:
        self._rollout = rollout
        self._context = context
        self._row = row
        self._total = total
        self._ended = 0
        self.failed = 0

    async def work_on(self, positions: Sequence[int], accepted: int) -> None:
        """Work on these, a few at once. Raises StepError when too many have failed."""
        waiting = deque(positions)
        count = min(self._row.concurrency, len(waiting))
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._drain(waiting, accepted))
        if rules.too_many(self.failed, self._total, accepted):
            raise StepError(
                f"{self.failed} of {self._total} failed, so nothing more was begun",
                hint="Look at those that failed, then try again: what is done stays done",
            )

    async def _drain(self, waiting: deque[int], accepted: int) -> None:
        while waiting and not rules.too_many(self.failed, self._total, accepted):
            target = await self._rollout.work(self._row.id, waiting.popleft())
            self._ended += 1
            self.failed += target.state != TargetState.DONE
            text = f"{target.name}: {target.state}{_because(target.reason)}"
            await self._context.emit("log", {"stream": "agent", "text": text})
            percent = self._ended * 100 // self._total
            fact: dict[str, durable.Json] = {
                "percent": percent,
                "text": f"{self._ended} of {self._total}, {self.failed} failed",
            }
            await self._context.emit("progress", fact)


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


async def _both(uow: Uow, bulk_id: str, position: int) -> tuple[BulkRow, TargetRow]:
    row = await repository.find_bulk(uow, bulk_id)
    target = await repository.find_target(uow, bulk_id, position)
    if row is None or target is None:
        raise StepError("The record of this work is gone")
    return row, target


def _ended(operation_id: str) -> Callable[[Uow], Awaitable[OperationRow | None]]:
    async def look(uow: Uow) -> OperationRow | None:
        row = await durable.get(uow, operation_id)
        if row is None:
            raise StepError("The record of an operation is gone")
        return row if State(row.state).ended else None

    return look


def _outcome(ended: OperationRow | None) -> tuple[TargetState, str]:
    if ended is None:
        return TargetState.FAILED, "It did not end in time"
    if ended.state == State.SUCCEEDED:
        return TargetState.DONE, ""
    message = str((ended.error or {}).get("message") or "")
    cancelled = ended.state == State.CANCELLED
    return (TargetState.CANCELLED if cancelled else TargetState.FAILED), message[:500]
