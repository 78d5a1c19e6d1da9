"""Workers that are stopped, killed, frozen or replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.factories.databases import opened, rows
from tests.factories.durable import Hold, World, ended, events, look, stop, submit, working

from stead.core.bus import Bus
from stead.core.db import Database, Uow, sqlite_url
from stead.core.db_errors import DatabaseUnavailableError
from stead.core.durable import OperationRow, Plan, StepError, worker
from stead.core.durable.store import QUEUE, Hand, claim

POINTS = [(step, phase) for step in "abc" for phase in ("started", "effected", "recorded")]


class Stopper:
    """Cancels the worker when it passes a point."""

    def __init__(self, *point: str) -> None:
        self.point = point
        self.task: asyncio.Task[None] | None = None
        self.hit = asyncio.Event()

    def __call__(self, _kind: str, step: str, phase: str) -> None:
        if (step, phase) == self.point and self.task is not None:
            self.task.cancel()
            self.hit.set()


@pytest.mark.parametrize(("step", "phase"), POINTS)
async def test_stopped_at_any_point_the_next_worker_goes_on(
    database: Database, step: str, phase: str
):
    world, stopper = World(), Stopper(step, phase)
    operation_id = await submit(database, world.plan())
    async with working(database, world.plan(), checkpoint=stopper) as task:
        stopper.task = task
        await stopper.hit.wait()
    recorded = [s.name for s in (await look(database, operation_id)).steps if s.state == "done"]
    called = list(world.calls)
    async with working(database, world.plan(), owner="two"):
        operation = await ended(database, operation_id)
    assert (operation.state, len(world.things)) == ("succeeded", 3)
    again = world.calls[len(called) :]
    assert not [name for name in recorded if f"do {name}" in again], "a recorded step ran again"
    assert [call for call in again if "undo" in call] == []


@pytest.mark.parametrize("step", ["a", "b", "c"])
async def test_stopped_on_the_way_back_the_next_worker_goes_on_back(database: Database, step: str):
    world, stopper = World(script={"do c": [StepError("never")]}), Stopper(step, "undone")
    operation_id = await submit(database, world.plan())
    async with working(database, world.plan(), checkpoint=stopper) as task:
        stopper.task = task
        await stopper.hit.wait()
    async with working(database, world.plan(), owner="two"):
        operation = await ended(database, operation_id)
    assert (operation.state, operation.error["message"]) == ("failed", "never")
    assert (world.things, world.calls.count("do c")) == (set(), 1)


class _Interrupting(Database):
    """Cancels the worker around its n-th transaction."""

    at = (0, "")
    count = 0
    task: "asyncio.Task[None] | None" = None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Uow]:
        self.count += 1
        mine = self.count
        async with super().write() as uow:
            yield uow
            if self.at == (mine, "inside") and self.task is not None:
                self.task.cancel()  # the commit is the next await
        if self.at == (mine, "after") and self.task is not None:
            self.task.cancel()
            await asyncio.sleep(0)


@pytest.mark.parametrize("place", ["inside", "after"])
@pytest.mark.parametrize("fails", [False, True])
async def test_stopped_around_any_transaction_the_outcome_is_the_same(
    database_file: Path, place: str, *, fails: bool
):
    async with opened(database_file) as fresh:
        for number in range(2, 11):
            world = World(script={"do c": [StepError("never")]} if fails else {})
            operation_id = await submit(fresh, world.plan(), f"thing:{number}")
            await _run_until_interrupted(database_file, world, (number, place))
            if fails and "do c" in world.calls:
                world.script = {"do c": [StepError("never")]}
            async with working(fresh, world.plan(), owner="two"):
                operation = await ended(fresh, operation_id)
            expected = ("failed", 0) if fails else ("succeeded", 3)
            assert (operation.state, len(world.things)) == expected, number


async def _run_until_interrupted(file: Path, world: World, at: tuple[int, str]) -> None:
    database = _Interrupting(sqlite_url(file), Bus())
    database.at = at
    one = worker.Worker(database, [world.plan()], owner="one")
    task = database.task = asyncio.create_task(one.run(alone=True))
    await asyncio.wait({task}, timeout=2)
    await stop(task)
    await database.close()


async def test_no_step_is_still_at_work_when_a_worker_has_stopped(database: Database):
    hold = Hold()
    world = World(script={"do b": [hold]})
    async with working(database, world.plan()) as task:
        await submit(database, world.plan())
        await hold.reached.wait()
        assert world.active
        await stop(task)
        assert world.active == set()


async def test_a_worker_that_was_replaced_writes_nothing_more(database_file: Path):
    hold = Hold()
    world = World(script={"do b": [hold]})
    async with opened(database_file) as first, opened(database_file) as second:
        operation_id = await submit(first, world.plan())
        async with working(first, world.plan(), owner="zombie") as zombie:
            await hold.reached.wait()
            async with working(second, world.plan(), owner="two"):
                assert (await ended(second, operation_id)).state == "succeeded"
            before = await rows(second)
            hold.release.set()
            await _let_go(first, zombie)
            assert await rows(second) == before
    assert world.calls == ["do a", "do b", "do b", "do c"]


async def _let_go(database: Database, task: "asyncio.Task[None]") -> None:
    """Wait until a worker has given up what it was at; it says so on the bus."""
    await database.bus.changed(QUEUE, database.bus.version(QUEUE), 5)
    assert not task.done()


async def test_a_late_effect_whose_undo_crashes_does_not_stop_the_worker(database_file: Path):
    hold = Hold()
    late = World(script={"do b": [hold], "undo b": [ValueError("a bug")]})
    successor = World(script={"do b": [StepError("never")]})
    async with opened(database_file) as first, opened(database_file) as second:
        operation_id = await submit(first, late.plan())
        async with working(first, late.plan(), owner="zombie"):
            await hold.reached.wait()
            async with working(second, successor.plan(), owner="two"):
                assert (await ended(second, operation_id)).state == "failed"
            hold.release.set()
            other = await submit(first, late.plan(), "thing:2")
            assert (await ended(first, other)).state == "succeeded"
            await late.until_called("undo b")


async def test_a_lease_protects_until_it_ends(database: Database):
    world = World()
    operation_id = await submit(database, world.plan())
    async with database.write() as uow:
        assert await claim(uow, Hand("frozen", 0.6, [world.plan().key]))
    async with working(database, world.plan(), owner="two", alone=False, lease_seconds=0.2):
        await asyncio.sleep(0.3)
        assert world.calls == []
        assert (await ended(database, operation_id)).state == "succeeded"


async def test_alone_takes_over_at_once_whatever_the_leases_say(database: Database):
    world = World()
    operation_id = await submit(database, world.plan())
    async with database.write() as uow:
        await claim(uow, Hand("dead", 3600, [world.plan().key]))
    async with working(database, world.plan(), owner="two"):
        assert (await ended(database, operation_id)).state == "succeeded"


async def test_a_living_worker_keeps_its_lease_however_long_a_step_takes(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with (
        working(database, world.plan(), owner="one", alone=False, lease_seconds=1.5),
        working(database, world.plan(), owner="two", alone=False, lease_seconds=1.5),
    ):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        await asyncio.sleep(3)
        hold.release.set()
        assert (await ended(database, operation_id)).state == "succeeded"
    assert world.calls == ["do a", "do b", "do c"]


async def test_an_interrupted_run_is_taken_up_again_while_others_go_on(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    failures = [DatabaseUnavailableError("the disk is busy")]

    def checkpoint(_kind: str, step: str, phase: str) -> None:
        if (step, phase) == ("b", "effected") and failures:
            raise failures.pop()

    quick = Plan("quick", 1, world.plan("bc").steps)
    plans = (world.plan("a"), quick)
    async with working(database, *plans, lease_seconds=0.3, checkpoint=checkpoint):
        long = await submit(database, plans[0], "thing:long")
        await hold.reached.wait()
        interrupted = await submit(database, quick, "thing:quick")
        assert (await ended(database, interrupted, seconds=4)).state == "succeeded"
        hold.release.set()
        assert (await ended(database, long)).state == "succeeded"
    assert world.calls.count("do b") == 2


async def test_a_lease_that_ran_out_unnoticed_does_not_start_a_step_twice(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with working(database, world.plan(), lease_seconds=600):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        async with database.write() as uow:
            await uow.session.execute(update(OperationRow).values(lease_until=0))
            uow.wake(QUEUE)
        other = await ended(database, await submit(database, world.plan(), "thing:2"))
        hold.release.set()
        assert (await ended(database, operation_id)).state == "succeeded"
    assert other.state == "succeeded"
    assert world.calls.count("do a") == 2, "once for each of the two operations"


async def test_events_tell_the_same_story_after_a_takeover(database: Database):
    world, stopper = World(), Stopper("b", "effected")
    operation_id = await submit(database, world.plan())
    async with working(database, world.plan(), checkpoint=stopper) as task:
        stopper.task = task
        await stopper.hit.wait()
    async with working(database, world.plan(), owner="two"):
        await ended(database, operation_id)
    told = [(e.step, e.data["state"]) for e in await events(database, operation_id)]
    done = [step for step, state in told if state == "done"]
    assert done == ["a", "b", "c"]
    assert told[-1] == (None, "succeeded")
