"""Steps forward and back: results, retries, crashes, limits."""

import asyncio
from collections.abc import Mapping

import pytest
from tests.factories.durable import World, ended, events, look, submit, told_of, working

from stead.core import durable
from stead.core.db import Database
from stead.core.durable import Json, Plan, Step, StepContext, StepError

MAY_PASS = StepError("not yet", retryable=True, hint="Wait")
FINAL = StepError("never", hint="Do something else")


def states(steps: list[object]) -> list[str]:
    return [step.state for step in steps]


async def test_steps_run_once_in_order_and_their_results_are_kept(database: Database):
    world = World(script={"do a": [{"made": [1, 2]}]})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
    assert (operation.state, states(operation.steps)) == ("succeeded", ["done"] * 3)
    assert world.calls == ["do a", "do b", "do c"]
    assert operation.error is None
    assert operation.finished_at >= operation.started_at >= operation.created_at


async def test_a_step_sees_what_earlier_steps_returned(database: Database):
    seen: list[Mapping[str, Mapping[str, Json]]] = []

    async def do(context: StepContext) -> Mapping[str, Json]:
        seen.append(dict(context.results))
        return {"pair": (1, 2)}

    plan = Plan("test", 1, (Step("a", "A", do), Step("b", "B", do)))
    async with working(database, plan):
        await ended(database, await submit(database, plan))
    # The same shape that comes back from the database after a restart.
    assert seen == [{}, {"a": {"pair": [1, 2]}}]


async def test_a_plan_without_steps_is_done_at_once(database: Database):
    plan = Plan("test", 1)
    async with working(database, plan):
        assert (await ended(database, await submit(database, plan))).state == "succeeded"


async def test_a_failure_undoes_what_was_done_and_the_failing_step_too(database: Database):
    world = World(script={"do b": [FINAL]})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
    assert world.calls == ["do a", "do b", "undo b", "undo a"]
    assert world.things == set()
    assert (operation.state, states(operation.steps)) == (
        "failed",
        ["undone", "undone", "pending"],
    )
    assert operation.error == {
        "code": "operation.step_failed",
        "message": "never",
        "step": "b",
        "hint": "Do something else",
    }
    assert operation.steps[1].error == "never"


async def test_what_may_pass_is_tried_again_and_every_try_is_told(database: Database):
    world = World(script={"do b": [MAY_PASS, MAY_PASS]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        operation = await ended(database, operation_id)
    assert operation.state == "succeeded"
    assert world.calls == ["do a", "do b", "do b", "do b", "do c"]
    told = [e for e in await events(database, operation_id) if e.kind == "retry"]
    assert [(e.step, e.data["attempt"], e.data["message"]) for e in told] == [
        ("b", 1, "not yet"),
        ("b", 2, "not yet"),
    ]


async def test_tries_are_counted_and_then_it_is_undone(database: Database):
    world = World(script={"do b": [MAY_PASS] * 5})
    plan = world.plan(attempts=2)
    async with working(database, plan):
        operation = await ended(database, await submit(database, plan))
    assert (operation.state, world.calls.count("do b")) == ("failed", 2)
    assert world.things == set()


async def test_a_crashing_step_is_undone_and_its_words_stay_in_the_log(database: Database):
    world = World(script={"do b": [ZeroDivisionError("password=hunter2")]})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
    assert (operation.state, world.things) == ("failed", set())
    assert operation.error["code"] == "internal"
    assert "hunter2" not in operation.model_dump_json()


@pytest.mark.parametrize("result", [{"a": object()}, {"a": {1}}, {"a": float("nan")}])
async def test_a_result_that_cannot_be_recorded_is_a_crash_of_the_step(
    database: Database, result: object
):
    world = World(script={"do b": [result]})
    async with working(database, world.plan()):
        first = await ended(database, await submit(database, world.plan()))
        second = await ended(database, await submit(database, world.plan()))
    assert (first.state, first.error["code"], second.state) == ("failed", "internal", "succeeded")


async def test_a_step_that_takes_too_long_is_stopped_and_undone(database: Database):
    async def do(_context: StepContext) -> None:
        await asyncio.Event().wait()

    undone: list[str] = []

    async def undo(context: StepContext) -> None:
        undone.append(context.key)

    plan = Plan("test", 1, (Step("slow", "Be slow", do, undo, limit_seconds=0.02),))
    async with working(database, plan):
        operation = await ended(database, await submit(database, plan))
    assert operation.state == "failed"
    assert operation.error["message"] == "“Be slow” took longer than 0.02 seconds"
    assert undone == [f"{operation.id}:slow"]


async def test_a_timeout_inside_a_step_is_not_called_its_limit(database: Database):
    world = World(script={"do a": [TimeoutError()]})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
    assert operation.error["code"] == "internal"


async def test_a_failing_undo_is_tried_again(database: Database):
    world = World(script={"do b": [FINAL], "undo a": [ValueError("a bug"), MAY_PASS]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        operation = await ended(database, operation_id)
    assert (operation.state, world.things) == ("failed", set())
    told = [e.data for e in await events(database, operation_id) if e.kind == "undo_retry"]
    assert told == [
        {"attempt": 1, "message": "internal error"},
        {"attempt": 2, "message": "not yet"},
    ]


async def test_an_undo_that_never_works_is_visible_and_frees_the_subject(database: Database):
    world = World(script={"do c": [FINAL], "undo b": [MAY_PASS] * 99})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
        following = await ended(database, await submit(database, world.plan()))
    assert operation.state == "undo_failed"
    assert states(operation.steps) == ["done", "done", "undone"]
    assert operation.error["message"] == "never", "the cause is kept, not the undo's failure"
    assert following.state == "succeeded"


async def test_steps_without_undo_are_passed_on_the_way_back(database: Database):
    world = World(script={"do c": [FINAL]})
    steps = list(world.plan().steps)
    steps[1] = Step("b", "B", steps[1].do)
    plan = Plan("test", 1, tuple(steps))
    async with working(database, plan):
        operation = await ended(database, await submit(database, plan))
    assert world.calls == ["do a", "do b", "do c", "undo c", "undo a"]
    assert operation.state == "failed"


async def test_facts_from_inside_a_step_are_recorded_under_it(database: Database):
    async def do(context: StepContext) -> None:
        await context.emit("log", {"text": "hello"})

    plan = Plan("test", 1, (Step("talk", "Talk", do),))
    async with working(database, plan):
        operation = await ended(database, await submit(database, plan))
    facts = [(e.kind, e.step, e.data) for e in await events(database, operation.id)]
    assert ("log", "talk", {"text": "hello"}) in facts


async def test_a_plan_of_another_version_waits_visibly_for_a_worker_that_knows_it(
    database: Database,
):
    world = World()
    old = Plan("test", 0, world.plan().steps)
    async with working(database, world.plan(), alone=False, lease_seconds=0.3):
        left = await submit(database, old, "thing:old")
        assert (await ended(database, await submit(database, world.plan()))).state == "succeeded"
        told = await told_of(database, left, "waiting")
        row = await look(database, left)
    assert (row.state, row.waits_for) == ("queued", "plan:test/0")
    assert "version 0 of test" in str(told.data["text"])
    assert states(row.steps) == ["pending"] * 3
    async with working(database, world.plan(), old, owner="two"):
        operation = await ended(database, left)
    assert (operation.state, operation.waits_for) == ("succeeded", None)
    waiting = [e for e in await events(database, left) if e.kind == "waiting"]
    assert len(waiting) == 1, "said once"


async def test_a_plan_that_changed_under_its_version_ends_and_says_what_to_do(database: Database):
    world = World()
    async with working(database, world.plan("abcd")):
        broken = await ended(database, await submit(database, world.plan("abc"), "thing:broken"))
        fine = await ended(database, await submit(database, world.plan("abcd")))
    assert fine.state == "succeeded"
    assert (broken.state, broken.error["code"]) == ("undo_failed", "operation.plan_changed")
    assert "Start the version of Stead" in broken.error["hint"]
    async with database.write() as uow:
        await durable.undo(uow, broken.id)
    async with working(database, world.plan("abc"), owner="two"):
        assert (await ended(database, broken.id)).state == "failed"
