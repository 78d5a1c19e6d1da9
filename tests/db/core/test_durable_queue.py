"""Which operation runs when: order on a subject, parallel work, wake-ups, repeated requests."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy import update
from tests.factories.durable import Hold, World, ended, look, submit, working

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import (
    KeyReusedError,
    OperationRow,
    State,
    StepError,
    Submission,
    find_repeat,
    store,
)


async def test_operations_on_one_subject_run_one_after_the_other(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with working(database, world.plan()):
        first = await submit(database, world.plan())
        await hold.reached.wait()
        second = await submit(database, world.plan())
        third = await submit(database, world.plan())
        # Somebody else's work goes through meanwhile, so the worker had its chance.
        await ended(database, await submit(database, world.plan(), "thing:other"))
        waiting = [(await look(database, one)).state for one in (second, third)]
        hold.release.set()
        last = await ended(database, third)
        middle = await look(database, second)
        assert waiting == ["queued", "queued"]
        assert (await look(database, first)).finished_at <= middle.started_at
        assert middle.finished_at <= last.started_at


async def test_a_failure_does_not_hold_up_what_waits_behind_it(database: Database):
    world = World(script={"do a": [StepError("never")]})
    first = await submit(database, world.plan())
    second = await submit(database, world.plan())
    async with working(database, world.plan()):
        assert (await ended(database, second)).state == "succeeded"
        assert (await look(database, first)).state == "failed"


async def test_a_subject_at_work_stays_closed_when_a_clock_was_set_back(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with working(database, world.plan()):
        first = await submit(database, world.plan())
        await hold.reached.wait()
        async with database.write() as uow:
            second = await durable.submit(
                uow, world.plan(), Submission("project", "thing:1", "Test", "tester")
            )
            await uow.session.execute(
                update(OperationRow).where(OperationRow.id == second).values(id="0" * 26)
            )
        await ended(database, await submit(database, world.plan(), "thing:other"))
        assert (await look(database, "0" * 26)).state == "queued"
        hold.release.set()
        await ended(database, first)


async def test_different_subjects_run_at_the_same_time_up_to_the_slots(database: Database):
    holds = [Hold() for _ in range(3)]
    world = World(script={"do a": list(holds)})
    async with working(database, world.plan(), slots=2):
        ids = [await submit(database, world.plan(), f"thing:{n}") for n in range(3)]
        await asyncio.gather(holds[0].reached.wait(), holds[1].reached.wait())
        assert not holds[2].reached.is_set()
        assert len(world.active) == 2
        for hold in holds:
            hold.release.set()
        assert {(await ended(database, one)).state for one in ids} == {"succeeded"}


async def test_many_operations_all_end_and_each_step_runs_once(database: Database):
    world = World()
    plan = world.plan("a")
    async with working(database, plan, slots=4):
        ids = [await submit(database, plan, f"thing:{n % 5}") for n in range(30)]
        for one in ids:
            assert (await ended(database, one)).state == "succeeded"
    assert world.calls == ["do a"] * 30


# With a lease this long no worker looks by itself before the test gives up.
ENDLESS = 3600


async def test_an_operation_starts_by_wake_up_and_not_by_poll(database: Database):
    world = World()
    plan = world.plan("a")
    async with working(database, plan, lease_seconds=ENDLESS):
        for number in range(3):
            await ended(database, await submit(database, plan, f"thing:{number}"))
    assert world.calls == ["do a"] * 3


async def test_what_waits_for_its_subject_starts_as_soon_as_that_is_free(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    plan = world.plan("a")
    async with working(database, plan, lease_seconds=ENDLESS):
        await submit(database, plan)
        await hold.reached.wait()
        following = await submit(database, plan)
        hold.release.set()
        assert (await ended(database, following)).state == "succeeded"


async def test_nothing_is_queued_when_the_request_fails(database: Database):
    made: list[str] = []

    async def request() -> None:
        async with database.write() as uow:
            asked = Submission("project", "thing:1", "Test", "tester")
            made.append(await durable.submit(uow, World().plan(), asked))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await request()
    async with database.read() as uow:
        assert await durable.get(uow, made[0]) is None


async def test_a_repeated_request_is_found_by_its_key_and_another_one_refused(database: Database):
    world = World()
    made = await submit(database, world.plan(), idempotency_key="k", request_hash="h")
    async with database.read() as uow:
        assert await find_repeat(uow, "project", "k", "h") == made
        assert await find_repeat(uow, "another", "k", "h") is None
        assert await find_repeat(uow, "project", "other", "h") is None
        with pytest.raises(KeyReusedError):
            await find_repeat(uow, "project", "k", "changed")


def test_every_state_is_open_or_ended():
    open_states = {state for state in State if not state.ended}
    assert open_states == {State.QUEUED, State.RUNNING, State.UNDOING}


async def test_a_worker_opens_a_transaction_only_where_there_is_something_to_claim(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    found: list[int] = []
    claim = store.claim

    async def counted(
        uow: Uow, hand: store.Hand, running: Collection[str], most: int
    ) -> list[store.Claim]:
        claims = await claim(uow, hand, running, most)
        found.append(len(claims))
        return claims

    monkeypatch.setattr(store, "claim", counted)
    world = World()
    async with working(database, world.plan()):
        for _ in range(2):
            await ended(database, await submit(database, world.plan()))
            database.bus.publish(store.QUEUE)
    assert found == [1, 1]
