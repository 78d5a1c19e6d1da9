"""Limits, priorities, deadlines, rules, keeping and taking up again."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from tests.factories.databases import opened
from tests.factories.durable import Hold, World, ended, events, look, submit, told_of, working

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import (
    Limit,
    NeedsPersonError,
    OperationRow,
    Plan,
    Rule,
    Step,
    StepContext,
    StepError,
)
from stead.core.durable.tables import HolderRow
from stead.core.waiting import until
from stead.kit import clock

FINAL = StepError("never")


def at_node(size: int, *keys: str):
    return lambda _context: [Limit(key, size) for key in keys or ("node:a",)]


async def three_wait(uow: Uow) -> list[str] | None:
    query = select(OperationRow.id).where(OperationRow.waits_for == "node:a")
    found = list(await uow.session.scalars(query))
    return found if len(found) == 3 else None


async def places(database: Database) -> int:
    async with database.read() as uow:
        return await uow.session.scalar(select(func.count()).select_from(HolderRow)) or 0


async def test_a_limit_holds_back_and_lets_the_next_start_when_a_place_is_free(
    database: Database,
):
    holds = [Hold() for _ in range(5)]
    world = World(script={"do a": list(holds)})
    plan = world.plan("ab", limits=at_node(2))
    async with working(database, plan, slots=3, lease_seconds=3600):
        ids = [await submit(database, plan, f"thing:{n}") for n in range(5)]
        waiting = await until(database, "operations", three_wait, 8)
        assert waiting, "and those who wait hold no slot of the worker"
        assert "node:a" in str((await told_of(database, waiting[0], "waiting")).data["text"])
        assert len(world.active) == 2
        for hold in holds:
            hold.release.set()
        assert {(await ended(database, one)).state for one in ids} == {"succeeded"}
    assert await places(database) == 0


async def test_a_place_is_given_back_by_what_fails_and_by_what_is_cancelled(database: Database):
    hold = Hold()
    world = World(script={"do a": [FINAL, hold]})
    plan = world.plan("a", limits=at_node(1, "node:a", "template:t"))
    async with working(database, plan, lease_seconds=3600):
        assert (await ended(database, await submit(database, plan))).state == "failed"
        second = await submit(database, plan)
        await hold.reached.wait()
        third = await submit(database, plan, "thing:3")
        await told_of(database, third, "waiting")
        async with database.write() as uow:
            await durable.request_cancel(uow, second)
        assert (await ended(database, second)).state == "cancelled"
        assert (await ended(database, third)).state == "succeeded"
    assert await places(database) == 0


async def test_what_waits_for_a_place_can_be_cancelled(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    plan = world.plan("a", limits=at_node(1))
    async with working(database, plan, lease_seconds=3600):
        first = await submit(database, plan)
        await hold.reached.wait()
        waiting = await submit(database, plan, "thing:2")
        await told_of(database, waiting, "waiting")
        async with database.write() as uow:
            await durable.request_cancel(uow, waiting)
        assert (await ended(database, waiting)).state == "cancelled"
        hold.release.set()
        assert (await ended(database, first)).state == "succeeded"


async def test_a_place_outlives_its_worker_and_is_not_taken_twice(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    plan = world.plan("a", limits=at_node(1))
    first = await submit(database, plan)
    async with working(database, plan):
        await hold.reached.wait()
    assert await places(database) == 1
    second = await submit(database, plan, "thing:2")
    async with working(database, plan, owner="two"):
        assert {(await ended(database, one)).state for one in (first, second)} == {"succeeded"}
    assert await places(database) == 0


async def test_the_more_urgent_goes_first_and_then_the_older(database: Database):
    world = World()
    order: list[str] = []

    async def do(context: StepContext) -> None:
        order.append(context.subject)

    plan = Plan("test", 1, (Step("a", "A", do),))
    asked = [("nightly", 100), ("first", 0), ("second", 0), ("urgent", -1)]
    ids = [await submit(database, plan, name, priority=number) for name, number in asked]
    async with working(database, plan, slots=1):
        for one in ids:
            await ended(database, one)
    assert order == ["urgent", "first", "second", "nightly"]
    assert world.calls == []


async def test_a_deadline_stops_and_undoes_and_is_not_called_a_cancellation(database: Database):
    hold = Hold()
    world = World(script={"do b": [hold]})
    steps = world.plan().steps
    plan = Plan("test", 1, steps, deadline_seconds=3600)
    async with working(database, plan, lease_seconds=0.2):
        operation_id = await submit(database, plan)
        await hold.reached.wait()
        async with database.write() as uow:
            past = clock.utc_now() - timedelta(seconds=1)
            await uow.session.execute(update(OperationRow).values(deadline_at=past))
        operation = await ended(database, operation_id)
    assert (operation.state, operation.error["code"]) == ("failed", "operation.deadline_passed")
    assert world.things == set()


async def test_a_rule_that_refuses_is_named_and_nothing_was_done(database: Database):
    async def allows(_uow: Uow, _context: StepContext) -> None:
        return None

    async def refuses(_uow: Uow, context: StepContext) -> str:
        return f"{context.subject} is too big"

    world = World()
    first, *others = world.plan().steps
    check = durable.policy(database, Rule("house.fine", allows), Rule("house.size", refuses))
    plan = Plan("test", 1, (first, check, *others))
    async with working(database, plan):
        operation = await ended(database, await submit(database, plan))
    assert world.calls == ["do a", "undo a"], "only the step that reserves"
    assert operation.state == "failed"
    assert operation.error["code"] == "operation.refused"
    assert operation.error["fields"] == {"rule": "house.size"}
    assert operation.error["message"] == "thing:1 is too big (rule house.size)"


async def test_what_is_to_be_kept_stays_and_goes_on_from_where_it_failed(database: Database):
    world = World(script={"do b": [FINAL]})
    plan = world.plan()
    async with working(database, plan):
        operation_id = await submit(database, plan, keep=True)
        kept = await ended(database, operation_id)
        assert (kept.state, [s.state for s in kept.steps]) == (
            "kept",
            ["done", "failed", "pending"],
        )
        assert world.things == {"thing:1/a", "thing:1/b"}
        async with database.write() as uow:
            await durable.retry(uow, operation_id, plan)
        again = await ended(database, operation_id)
    assert (again.state, again.error, again.round) == ("succeeded", None, 1)
    assert world.calls == ["do a", "do b", "undo b", "do b", "do c"]


async def test_what_needs_a_person_stays_although_nobody_asked_to_keep_it(database: Database):
    world = World(script={"do b": [NeedsPersonError("look at it")]})
    plan = world.plan()
    async with working(database, plan):
        operation_id = await submit(database, plan)
        kept = await ended(database, operation_id)
        assert (kept.state, kept.error["code"]) == ("kept", "operation.needs_person")
        assert world.things == {"thing:1/a", "thing:1/b"}
        async with database.write() as uow:
            await durable.undo(uow, operation_id)
        assert (await ended(database, operation_id)).state == "failed"
    assert world.things == set()


async def test_a_retry_from_a_step_undoes_down_to_it_and_has_a_key_of_its_own(
    database: Database,
):
    keys: list[str] = []
    world = World(script={"do c": [FINAL]})
    plan = world.plan()

    async def do(context: StepContext) -> None:
        keys.append(context.key)
        await plan.steps[1].do(context)

    plan2 = Plan("test", 1, (plan.steps[0], Step("b", "B", do, plan.steps[1].undo), plan.steps[2]))
    async with working(database, plan2):
        operation_id = await submit(database, plan2, keep=True)
        await ended(database, operation_id)
        async with database.write() as uow:
            with pytest.raises(durable.CannotRetryError, match="but at: a, b, c"):
                await durable.retry(uow, operation_id, plan2, "x")
            await durable.retry(uow, operation_id, plan2, "b")
        assert (await ended(database, operation_id)).state == "succeeded"
    assert world.calls == ["do a", "do b", "do c", "undo c", "undo b", "do b", "do c"]
    assert keys == [f"{operation_id}:b", f"{operation_id}:b:1"]


async def test_a_failed_undo_can_be_tried_again_until_nothing_is_left(database: Database):
    world = World(script={"do c": [FINAL], "undo b": [StepError("busy")] * 5})
    plan = world.plan()
    async with working(database, plan):
        operation_id = await submit(database, plan)
        stuck = await ended(database, operation_id)
        assert (stuck.state, stuck.error["undo"]) == (
            "undo_failed",
            {"step": "b", "message": "busy"},
        )
        async with database.write() as uow:
            await durable.undo(uow, operation_id)
        done = await ended(database, operation_id)
    assert (done.state, done.error["message"], world.things) == ("failed", "never", set())


async def test_what_was_kept_can_be_taken_back(database: Database):
    world = World(script={"do c": [FINAL]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan(), keep=True)
        await ended(database, operation_id)
        async with database.write() as uow:
            await durable.undo(uow, operation_id)
        assert (await ended(database, operation_id)).state == "failed"
    assert world.things == set()


async def test_a_retry_waits_for_what_works_on_its_subject_now(database: Database):
    hold = Hold()
    world = World(script={"do a": [FINAL, hold]})
    plan = world.plan("a")
    async with working(database, plan):
        kept = await submit(database, plan, keep=True)
        await ended(database, kept)
        following = await submit(database, plan)
        await hold.reached.wait()
        async with database.write() as uow:
            await durable.retry(uow, kept, plan)
        await ended(database, await submit(database, plan, "thing:other"))
        assert (await look(database, kept)).state == "queued"
        hold.release.set()
        first, second = await ended(database, following), await ended(database, kept)
    assert first.finished_at <= second.finished_at
    assert second.state == "succeeded"


async def test_only_a_repeatable_plan_starts_again_from_nothing(database: Database):
    world = World(script={"do b": [FINAL, FINAL]})
    once = world.plan()
    again = Plan("again", 1, once.steps, repeatable=True)
    async with working(database, once, again):
        first, second = await submit(database, once), await submit(database, again)
        assert (await ended(database, first)).state == "failed"
        assert (await ended(database, second)).state == "failed"
        async with database.write() as uow:
            with pytest.raises(durable.CannotRetryError, match="reserved"):
                await durable.retry(uow, first, once)
            await durable.retry(uow, second, again)
            with pytest.raises(durable.CannotRetryError, match="stopped"):
                await durable.retry(uow, second, again)
        assert (await ended(database, second)).state == "succeeded"


async def test_what_goes_well_or_on_cannot_be_retried_undone_or_kept_too_late(
    database: Database,
):
    world = World()
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await ended(database, operation_id)
    async with database.write() as uow:
        for ask in (durable.undo, durable.keep):
            with pytest.raises((durable.CannotRetryError, durable.CannotKeepError)):
                await ask(uow, operation_id)
        with pytest.raises(durable.CannotRetryError):
            await durable.retry(uow, operation_id, world.plan())
        with pytest.raises(durable.CannotKeepError):
            await durable.keep(uow, "unknown")


async def test_a_cancellation_wins_over_keeping(database: Database):
    hold = Hold()
    world = World(script={"do b": [hold]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan(), keep=True)
        await hold.reached.wait()
        async with database.write() as uow:
            await durable.request_cancel(uow, operation_id)
        assert (await ended(database, operation_id)).state == "cancelled"
    assert world.things == set()


async def test_purging_forgets_what_ended_long_ago_and_nothing_else(database: Database):
    hold = Hold()
    world = World(script={"do a": [FINAL, None, FINAL, hold]})
    plan = world.plan("a")
    async with working(database, plan):
        failed = await submit(database, plan, "thing:1")
        await ended(database, failed)
        fine = await submit(database, plan, "thing:2")
        await ended(database, fine)
        kept = await submit(database, plan, "thing:3", keep=True)
        await ended(database, kept)
        running = await submit(database, plan, "thing:4")
        await hold.reached.wait()
        later = clock.utc_now() + timedelta(days=1)
        async with database.write() as uow:
            assert await durable.purge(uow, clock.utc_now() - timedelta(days=1)) == 0
            assert await durable.purge(uow, later) == 2
        async with database.write() as uow:
            assert await durable.purge(uow, later) == 0
            assert await durable.get(uow, fine) is None
            assert await durable.get(uow, kept) is not None
        assert await events(database, fine) == []
        hold.release.set()
        assert (await ended(database, running)).state == "succeeded"


async def test_a_worker_whose_lease_ran_out_begins_nothing_more(database_file: Path):
    """As if the process had been frozen: its clock goes on, nobody prolonged the lease."""
    hold = Hold()
    done: list[str] = []

    async def do(context: StepContext) -> None:
        await hold.wait()
        done.append(context.step)

    plan = Plan("test", 1, (Step("a", "A", do),))
    quick = Plan("test", 1, (Step("a", "A", lambda _context: asyncio.sleep(0)),))
    async with opened(database_file) as first, opened(database_file) as second:
        operation_id = await submit(first, plan)
        options = {"alone": False, "lease_seconds": 0.3}
        async with working(first, plan, owner="frozen", **options) as frozen:
            await hold.reached.wait()
            async with first._turns:  # it cannot prolong anything
                async with working(second, quick, owner="two", alone=False, lease_seconds=0.3):
                    assert (await ended(second, operation_id)).state == "succeeded"
                hold.release.set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert not frozen.done()
        assert done == []
