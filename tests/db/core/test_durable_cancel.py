"""Cancelling an operation at every moment of its life."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.factories.durable import Hold, World, cancel, ended, submit, working

from stead.core import durable
from stead.core.bus import Bus
from stead.core.db import Database, Uow, sqlite_url
from stead.core.durable import CannotCancelError, StepError


async def test_cancelled_while_queued_undoes_what_the_request_reserved(database: Database):
    world = World(things={"thing:1/a"})  # reserved in the transaction of the request
    operation_id = await submit(database, world.plan())
    await cancel(database, operation_id)
    async with working(database, world.plan()):
        operation = await ended(database, operation_id)
    assert operation.state == "cancelled"
    assert world.calls == ["undo a"], "nothing starts, and the first step is undone"
    assert world.things == set()


async def test_cancelled_during_a_step_stops_it_at_once_and_undoes(database: Database):
    hold = Hold()
    world = World(script={"do b": [hold]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        await cancel(database, operation_id)
        operation = await ended(database, operation_id)
    assert (operation.state, operation.error["code"]) == ("cancelled", "operation.cancelled")
    assert world.calls == ["do a", "do b", "undo b", "undo a"]
    assert (world.things, world.active) == (set(), set())


async def test_cancelled_during_a_pause_does_not_try_again(database: Database):
    world = World(script={"do b": [StepError("busy", retryable=True)] * 9})
    plan = world.plan(backoff_seconds=20)
    async with working(database, plan):
        operation_id = await submit(database, plan)
        await world.until_called("do b")
        await cancel(database, operation_id)
        operation = await ended(database, operation_id)
    assert operation.state == "cancelled"
    assert world.calls == ["do a", "do b", "undo b", "undo a"]


async def test_cancelled_during_the_undo_changes_nothing(database: Database):
    hold = Hold()
    world = World(script={"do b": [StepError("never")], "undo b": [hold]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        await cancel(database, operation_id)
        hold.release.set()
        operation = await ended(database, operation_id)
    assert (operation.state, operation.cancel_requested) == ("failed", False)
    assert operation.error["message"] == "never"
    assert world.calls == ["do a", "do b", "undo b", "undo a"]


async def test_cancelling_twice_is_one_cancellation(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        async with database.write() as uow:
            for _ in range(2):
                await durable.request_cancel(uow, operation_id)
        assert (await ended(database, operation_id)).state == "cancelled"
    assert world.calls == ["do a", "undo a"]


async def test_a_plan_that_must_not_stop_half_way_refuses(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    plan = world.plan(cancellable=False)
    async with working(database, plan):
        operation_id = await submit(database, plan)
        await hold.reached.wait()
        with pytest.raises(CannotCancelError):
            await cancel(database, operation_id)
        hold.release.set()
        assert (await ended(database, operation_id)).state == "succeeded"


async def test_what_has_ended_cannot_be_cancelled(database: Database):
    world = World()
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await ended(database, operation_id)
    with pytest.raises(CannotCancelError, match="ended"):
        await cancel(database, operation_id)
    with pytest.raises(CannotCancelError, match="ended"):
        await cancel(database, "unknown")


async def test_a_cancel_survives_a_stop_of_the_worker(database: Database):
    hold = Hold()
    world = World(script={"do b": [hold]})
    operation_id = await submit(database, world.plan())
    async with working(database, world.plan()):
        await hold.reached.wait()
    await cancel(database, operation_id)
    async with working(database, world.plan(), owner="two"):
        assert (await ended(database, operation_id)).state == "cancelled"
    assert world.calls == ["do a", "do b", "undo b", "undo a"]


class _Racing(Database):
    """Lets a request arrive right after the first look at an operation."""

    victim = ""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Uow]:
        async with super().read() as uow:
            yield uow
        if self.victim:
            victim, self.victim = self.victim, ""
            await cancel(self, victim)


async def test_a_cancel_between_look_and_start_is_not_missed(database_file: Path):
    database = _Racing(sqlite_url(database_file), Bus())
    world = World(script={"do a": [Hold()]})
    database.victim = operation_id = await submit(database, world.plan())
    try:
        async with working(database, world.plan()):
            assert (await ended(database, operation_id, seconds=2)).state == "cancelled"
    finally:
        await database.close()
