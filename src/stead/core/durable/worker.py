"""The worker: claims operations, keeps their leases and hands each to a run."""

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import Final, TypeAlias

from stead.core import log
from stead.core.db import Database
from stead.core.durable import glance, requests, store, unknown
from stead.core.durable.plan import Plan
from stead.core.durable.run import Journal, Run
from stead.core.durable.store import FencedError, Hand
from stead.core.errors import SteadError
from stead.core.together import Together
from stead.kit import clock

LEASE_SECONDS: Final = 20.0
BEATS: Final = 3
# Nobody is woken when a worker dies, so all look now and then, several times in a lease.
SAFETY_PART: Final = 4

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
        self._hand = Hand(owner, lease_seconds, self._plans.keys())
        self._slots = slots
        self._lease = lease_seconds
        self._alone = False
        self._checkpoint = checkpoint or _pass
        self._running: dict[str, Run] = {}
        self._journal: Journal = Together(database, store.record)

    async def run(self, *, alone: bool) -> None:
        """Work until cancelled. ``alone`` says that no other worker lives: take over at once."""
        self._alone = alone
        # What this task is, such as in the background, its records are too.
        self._journal = Together(self._database, store.record)
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
                while len(self._running) < self._slots and await self._start(group):
                    pass
            except SteadError as error:
                logger.warning("worker.claim.failed", reason=error.message)
                await asyncio.sleep(1)
                continue
            await bus.changed(store.QUEUE, seen, self._lease / SAFETY_PART)

    async def _start(self, group: asyncio.TaskGroup) -> bool:
        if not await glance.is_anything(self._database, self._hand):
            return False
        held_until = inf if self._alone else clock.monotonic() + self._lease
        free = self._slots - len(self._running)
        async with self._database.write() as uow:
            claims = await store.claim(uow, self._hand, self._running, free)
        for claim in claims:
            run = Run(self._journal, self._plans, claim, self._checkpoint, held_until)
            self._running[claim.operation_id] = run
            group.create_task(self._drive(run))
        return bool(claims)

    async def _drive(self, run: Run) -> None:
        try:
            await run.drive()
        except FencedError:
            del self._running[run.claim.operation_id]
            await self._yield_to_successor(run)
        except SteadError as error:
            # The database went away: the lease runs out and somebody continues.
            logger.warning("worker.operation.interrupted", reason=error.message)
        except Exception:  # a bug that one operation meets must not end the work on all others
            logger.exception("worker.operation.crashed", operation=run.claim.operation_id)
        finally:
            if self._running.get(run.claim.operation_id) is run:
                del self._running[run.claim.operation_id]
            self._database.bus.publish(store.QUEUE)

    async def _yield_to_successor(self, run: Run) -> None:
        logger.warning("worker.operation.taken_over", operation=run.claim.operation_id)
        try:
            await run.make_amends()
        except Exception:  # an undo's bug must not end the work on all others
            logger.exception("worker.amends.failed", operation=run.claim.operation_id)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self._lease / BEATS)
            try:
                await self._beat()
            except SteadError as error:
                logger.warning("worker.heartbeat.failed", reason=error.message)

    async def _beat(self) -> None:
        began = clock.monotonic()
        owned: dict[str, bool] = {}
        if self._running:
            async with self._database.write() as uow:
                owned = await store.extend_leases(uow, self._hand, self._running)
        await self._database.evict()
        for operation_id, cancel_requested in owned.items():
            run = self._running.get(operation_id)
            if run is not None:
                run.held_until = max(run.held_until, began + self._lease)
            if run is not None and cancel_requested:
                run.cancel()
        async with self._database.write() as uow:
            await requests.pass_deadlines(uow)
            await unknown.note(uow, self._hand)


def _pass(_kind: str, _step: str, _phase: str) -> None:
    return
