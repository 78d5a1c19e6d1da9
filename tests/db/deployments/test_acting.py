"""A deployment is stopped, started and restarted, whatever happens on the way."""

import itertools
from unittest.mock import Mock

import pytest
from tests.factories.acting import Yard, make_yard
from tests.factories.durable import cancel
from tests.factories.platform import Platform

from stead.core.authz import Role
from stead.core.durable import run
from stead.deployments import acting_flows
from stead.deployments.models import DeploymentRow
from stead.engines.drivers.simulator.faults import Effect, Fault
from stead.exposure import service as exposure
from stead.infra import inventory
from stead.infra.inventory import Look
from stead.infra.models import SightingRow
from stead.kit import clock

RUNS = ("running", "live", {"published"}, "running")
RESTS = ("stopped", "stopped", {"stopped"}, "stopped")


@pytest.fixture
async def yard(platform: Platform) -> Yard:
    return await make_yard(platform)


async def test_it_stops_and_starts_again(yard: Yard):
    assert await yard.all() == RUNS
    assert (await yard.do("stop")).state == "succeeded"
    assert await yard.all() == RESTS
    assert (await yard.do("start")).state == "succeeded"
    assert await yard.all() == RUNS


async def test_it_is_restarted(yard: Yard):
    started = []
    async with yard.driver.events() as events:
        assert (await yard.do("restart")).state == "succeeded"
        started = [(await anext(events)).change.value for _ in range(2)]
    assert started == ["stopped", "started"]
    assert await yard.all() == RUNS


async def test_what_was_stopped_from_outside_can_be_started(yard: Yard):
    name = yard.instance.native_name
    await yard.driver.settle(await yard.driver.stop(name, force=True), 60)
    assert (await yard.do("start")).state == "succeeded"
    assert await yard.all() == RUNS


async def test_a_guest_that_does_not_stop_by_itself_is_made_to(yard: Yard):
    yard.faults.add(Fault(Effect.TASK_FAILED, "stop", times=1))
    assert (await yard.do("stop")).state == "succeeded"
    assert await yard.all() == RESTS


async def test_what_is_stopped_is_not_restarted(yard: Yard):
    await yard.do("stop")
    answer = await yard.ask("restart")
    assert (answer.status_code, answer.json()["code"]) == (409, "deployment.not_in_place")
    assert "stead start home" in answer.json()["hint"]


async def test_asking_twice_is_one_operation_and_something_else_has_to_wait(yard: Yard):
    first, second = await yard.ask("stop"), await yard.ask("stop")
    assert first.json() == second.json()
    for verb, method in (("start", "POST"), ("restart", "POST"), ("", "DELETE")):
        refused = await yard.ask(verb, method)
        assert (refused.status_code, refused.json()["code"]) == (409, "deployment.busy"), verb
        assert "Stop home" in refused.json()["title"]
    await yard.finish(first.json()["operation_id"])
    assert (await yard.ask("stop")).json() != first.json()


async def test_what_is_removed_is_not_stopped(yard: Yard):
    assert (await yard.ask("", "DELETE")).status_code == 202
    assert (await yard.ask("stop")).json()["code"] == "deployment.busy"


async def test_what_never_was_live_cannot_be_stopped(yard: Yard):
    async with yard.platform.database.write() as uow:
        (await uow.session.get_one(DeploymentRow, yard.deployment_id)).state = "remove_failed"
    assert (await yard.ask("stop")).json()["code"] == "deployment.not_in_place"


async def test_viewers_and_strangers_stop_nothing(yard: Yard):
    project = next(iter(yard.owner.projects))
    viewer = await yard.platform.person("Vic", **{project: Role.VIEWER})
    yard.token = await yard.platform.token(viewer)
    assert (await yard.ask("stop")).status_code == 403
    elsewhere = await yard.platform.project("other")
    stranger = await yard.platform.person("Eve", **{elsewhere: Role.OWNER})
    yard.token = await yard.platform.token(stranger)
    assert (await yard.ask("stop")).status_code == 404
    assert await yard.all() == RUNS


@pytest.mark.parametrize(("verb", "effect"), [("stop", RUNS), ("start", RESTS)])
async def test_what_cannot_be_done_leaves_everything_as_it_was(
    yard: Yard, verb: str, effect: tuple[object, ...]
):
    if verb == "start":
        await yard.do("stop")
    yard.faults.add(Fault(Effect.TASK_FAILED, verb, times=2))
    failed = await yard.do(verb)
    assert (failed.state, (failed.error or {})["step"]) == ("failed", verb)
    assert await yard.all() == effect


async def test_a_cancelled_stop_runs_again(yard: Yard):
    operation_id = (await yard.ask("stop")).json()["operation_id"]
    await yard.killed_at("stop", "effected", operation_id)
    await cancel(yard.platform.database, operation_id)
    assert (await yard.finish(operation_id)).state == "cancelled"
    assert await yard.all() == RUNS


async def test_one_whose_undo_failed_can_be_worked_with_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "UNDO_ATTEMPTS", 1)
    yard.faults.add(Fault(Effect.TASK_FAILED, "restart"))
    yard.faults.add(Fault(Effect.TASK_FAILED, "start", times=2))
    failed = await yard.do("restart")
    assert (failed.state, await yard.state()) == ("undo_failed", "restarting")
    assert (await yard.do("start")).state == "succeeded"
    assert await yard.all() == RUNS


@pytest.mark.parametrize("verb", ["stop", "start", "restart"])
async def test_a_worker_that_dies_anywhere_is_followed_by_one_that_ends_it(yard: Yard, verb: str):
    plan = getattr(acting_flows, f"{verb}_plan")(Mock())
    wanted = RESTS if verb == "stop" else RUNS
    for step, phase in itertools.product(plan.steps, ("started", "effected", "recorded")):
        await yard.do("stop" if verb == "start" else "start")
        operation_id = (await yard.ask(verb)).json()["operation_id"]
        await yard.killed_at(step.name, phase, operation_id)
        assert (await yard.finish(operation_id)).state == "succeeded", (step.name, phase)
        assert await yard.all() == wanted, (step.name, phase)


async def test_one_that_is_stopped_on_purpose_is_no_drift(yard: Yard):
    await yard.do("stop")
    place = (yard.instance.cluster_id, yard.instance.native_name)
    for began_at in (clock.utc_now(), clock.utc_now()):
        look = Look(began_at, await yard.driver.inventory())
        async with yard.platform.database.write() as uow:
            await inventory.record(uow, yard.instance.cluster_id, look)
    async with yard.platform.database.read() as uow:
        assert (await uow.session.get_one(SightingRow, place)).standing == "known"


async def test_edges_say_that_it_is_stopped_and_leave_its_ports_alone(platform: Platform):
    yard = await make_yard(platform)
    await yard.do("stop")
    async with platform.database.read() as uow:
        snapshot = await exposure.build_snapshot(uow, platform.vault)
    assert [(one.host, one.stopped) for one in snapshot.http] == [
        ("home.apps.stead.localhost", True)
    ]


async def test_a_port_of_one_that_is_stopped_is_closed(platform: Platform):
    yard = await make_yard(platform, "redis")
    await yard.do("stop")
    async with platform.database.read() as uow:
        assert (await exposure.build_snapshot(uow, platform.vault)).tcp == ()
    await yard.do("start")
    async with platform.database.read() as uow:
        assert len((await exposure.build_snapshot(uow, platform.vault)).tcp) == 1
