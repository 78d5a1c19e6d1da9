"""The worker: claims operations, keeps their leases and hands each to a run."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from stead.core import log
from stead.core.db import Database
from stead.core.durable import store
from stead.core.durable.plan import Plan
from stead.core.durable.run import Run
from stead.core.durable.store import Claim, FencedError
from stead.core.errors import SteadError

LEASE_SECONDS: Final = 20.0
SAFETY_POLL_SECONDS: Final = 5.0

Checkpoint: TypeAlias = Callable[[str, str, str], None]
logger = log.get(__name__)


class Worker:
    """Runs operations of the given plans, at most ``slots`` at once."""

    def __init__(
        self,
        database: Database,
        plans: Iterable[Plan],
        *,
        owner: str,
        slots: int = 16,
        lease_seconds: float = LEASE_SECONDS,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._database = database
        self._plans = {plan.key: plan for plan in plans}
        self._owner = owner
        self._slots = slots
        self._lease = lease_seconds
        self._checkpoint = checkpoint or _pass
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}

    async def run(self, *, alone: bool) -> None:
        """Work until cancelled. ``alone`` says that no other worker lives: take over at once."""
        if alone:
            async with self._database.write() as uow:
                await store.abandon_all(uow)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heartbeat())
            group.create_task(self._claim_loop(group))

    async def _claim_loop(self, group: asyncio.TaskGroup) -> None:
        bus = self._database.bus
        while True:
            seen = bus.version(store.QUEUE)
            try:
                while len(self._running) < self._slots and (claim := await self._claim()):
                    self._start(group, claim)
            except SteadError as error:
                logger.warning("worker.claim.failed", reason=error.message)
                await asyncio.sleep(1)
                continue
            await bus.changed(store.QUEUE, seen, SAFETY_POLL_SECONDS)

    async def _claim(self) -> Claim | None:
        async with self._database.write() as uow:
            return await store.claim_next(uow, self._owner, self._lease)

    def _start(self, group: asyncio.TaskGroup, claim: Claim) -> None:
        run = Run(self._database, self._plans, claim, self._checkpoint)
        former = self._running.get(claim.operation_id)
        if former is not None:
            former[1].cancel()
        task = group.create_task(self._drive(run))
        self._running[claim.operation_id] = (run, task)

    async def _drive(self, run: Run) -> None:
        try:
            await run.drive()
        except FencedError:
            logger.warning("worker.operation.taken_over", operation=run.claim.operation_id)
        except SteadError as error:
            # The database went away: the lease runs out and somebody continues.
            logger.warning("worker.operation.interrupted", reason=error.message)
        finally:
            current = self._running.get(run.claim.operation_id)
            if current is not None and current[0] is run:
                del self._running[run.claim.operation_id]
            self._database.bus.publish(store.QUEUE)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            if not self._running:
                continue
            try:
                async with self._database.write() as uow:
                    owned = await store.extend_leases(uow, self._owner, self._lease)
            except SteadError as error:
                logger.warning("worker.heartbeat.failed", reason=error.message)
                continue
            for operation_id, (run, task) in list(self._running.items()):
                if operation_id not in owned:
                    task.cancel()
                elif owned[operation_id]:
                    run.cancel()


def _pass(_kind: str, _step: str, _phase: str) -> None:
    return
