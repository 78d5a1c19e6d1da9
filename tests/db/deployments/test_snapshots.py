"""Snapshots are taken, returned to and forgotten, whatever happens on the way."""

import itertools
from unittest.mock import Mock

import pytest
from tests.factories.acting import Yard, make_yard
from tests.factories.durable import cancel
from tests.factories.platform import Platform

from stead.core.authz import Role
from stead.deployments import snapshot_flows
from stead.deployments.models import DeploymentRow
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.faults import Effect, Fault
from stead.engines.values import GuestFile
from stead.identity import limits, public as identity
from stead.infra.models import ClusterRow

RUNS = ("running", "live", {"published"}, "running")
RESTS = ("stopped", "stopped", {"stopped"}, "stopped")
PATH = "/srv/page"


@pytest.fixture
async def yard(platform: Platform) -> Yard:
    return await make_yard(platform)


async def write(yard: Yard, text: str) -> None:
    await yard.driver.push_file(yard.instance.native_name, GuestFile(PATH, text.encode()))


async def read(yard: Yard) -> str:
    found = await yard.driver.pull_file(yard.instance.native_name, PATH, limit_bytes=100)
    return found.content.decode()


async def take(yard: Yard, name: str = "before") -> str:
    done = await yard.do("snapshots", name=name, note="why")
    assert done.state == "succeeded", done.error
    return next(one["id"] for one in await listed(yard) if one["name"] == name)


async def listed(yard: Yard) -> list[dict[str, str]]:
    answer = await yard.ask("snapshots", "GET")
    assert answer.status_code == 200
    found: list[dict[str, str]] = answer.json()
    return found


async def on_engine(yard: Yard) -> int:
    return len(await yard.driver.list_snapshots(yard.instance.native_name))


async def in_use(yard: Yard) -> int:
    project = next(iter(yard.owner.projects))
    async with yard.platform.database.read() as uow:
        use = await identity.list_use(uow, yard.owner, project)
    return next(one.used for one in use if one.resource == "snapshots")


async def test_it_returns_to_how_it_was(yard: Yard):
    await write(yard, "then")
    kept = await take(yard)
    (shown,) = await listed(yard)
    assert (shown["state"], shown["note"], shown["created_by"]) == ("ready", "why", "Ada")
    await write(yard, "now")
    assert (await yard.do(f"snapshots/{kept}/restore")).state == "succeeded"
    assert (await read(yard), await yard.all(), await on_engine(yard)) == ("then", RUNS, 1)


async def test_what_is_stopped_is_kept_and_returned_to_and_stays_stopped(yard: Yard):
    await yard.do("stop")
    await write(yard, "then")
    kept = await take(yard)
    await write(yard, "now")
    assert (await yard.do(f"snapshots/{kept}/restore")).state == "succeeded"
    assert (await read(yard), await yard.all()) == ("then", RESTS)


async def test_a_snapshot_takes_a_place_until_it_is_deleted(yard: Yard):
    project = next(iter(yard.owner.projects))
    admin = await yard.platform.admin("Root")
    async with yard.platform.database.write() as uow:
        await limits.set_limits(uow, admin, project, {identity.Resource.SNAPSHOTS: 1})
    kept = await take(yard)
    refused = await yard.ask("snapshots", name="more")
    assert (refused.status_code, "1 of 1 snapshots" in refused.text) == (409, True)
    assert (await yard.do(f"snapshots/{kept}", "DELETE")).state == "succeeded"
    assert (await listed(yard), await on_engine(yard), await in_use(yard)) == ([], 0, 0)
    await take(yard, "more")


async def test_snapshots_go_with_their_deployment(yard: Yard):
    await take(yard)
    assert await in_use(yard) == 1
    assert (await yard.do("", "DELETE")).state == "succeeded"
    assert await in_use(yard) == 0


async def test_a_snapshot_that_cannot_be_taken_leaves_nothing(yard: Yard):
    yard.faults.add(Fault(Effect.TASK_FAILED, "create_snapshot"))
    failed = await yard.do("snapshots", name="before")
    assert failed.state == "failed"
    assert (await listed(yard), await on_engine(yard), await in_use(yard)) == ([], 0, 0)
    assert await yard.all() == RUNS


@pytest.mark.parametrize("at", ["restore_snapshot", "start"])
async def test_a_return_that_fails_puts_the_present_back(yard: Yard, at: str):
    await write(yard, "then")
    kept = await take(yard)
    await write(yard, "now")
    yard.faults.add(Fault(Effect.TASK_FAILED, at))
    assert (await yard.do(f"snapshots/{kept}/restore")).state == "failed"
    assert (await read(yard), await yard.all(), await on_engine(yard)) == ("now", RUNS, 1)


async def test_a_cancelled_return_puts_the_present_back(yard: Yard):
    await write(yard, "then")
    kept = await take(yard)
    await write(yard, "now")
    operation_id = (await yard.ask(f"snapshots/{kept}/restore")).json()["operation_id"]
    await yard.killed_at("restore", "effected", operation_id)
    assert await read(yard) == "then"
    await cancel(yard.platform.database, operation_id)
    assert (await yard.finish(operation_id)).state == "cancelled"
    assert (await read(yard), await yard.all(), await on_engine(yard)) == ("now", RUNS, 1)


async def test_a_snapshot_that_somebody_deleted_there_stops_nothing(yard: Yard):
    kept = await take(yard)
    (there,) = await yard.driver.list_snapshots(yard.instance.native_name)
    gone = await yard.driver.delete_snapshot(yard.instance.native_name, there.name)
    await yard.driver.settle(gone, 60)
    failed = await yard.do(f"snapshots/{kept}/restore")
    assert "does not have this snapshot" in str((failed.error or {})["message"])
    assert await yard.all() == RUNS
    assert (await yard.do(f"snapshots/{kept}", "DELETE")).state == "succeeded"


async def test_one_of_other_settings_is_not_returned_to(yard: Yard):
    kept = await take(yard)
    async with yard.platform.database.write() as uow:
        row = await uow.session.get_one(DeploymentRow, yard.deployment_id)
        row.inputs = {**row.inputs, "title": "another"}
    refused = await yard.ask(f"snapshots/{kept}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "deployment.not_in_place")


@pytest.mark.parametrize("name", ["", "No Name", "a" * 41, "-x", "é"])
async def test_nonsense_is_no_name(yard: Yard, name: str):
    assert (await yard.ask("snapshots", name=name)).status_code == 422
    assert await in_use(yard) == 0


async def test_a_name_is_taken_once(yard: Yard):
    await take(yard)
    refused = await yard.ask("snapshots", name="before")
    assert (refused.status_code, refused.json()["fields"]) == (422, {"name": "This name is taken"})
    assert await in_use(yard) == 1


async def test_snapshots_of_others_are_not_found(yard: Yard, platform: Platform):
    kept = await take(yard)
    for verb, method in ((f"snapshots/{'0' * 26}/restore", "POST"), ("snapshots/x", "DELETE")):
        assert (await yard.ask(verb, method)).status_code == 404
    other = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    yard.token = await platform.token(other)
    for verb, method in ((f"snapshots/{kept}/restore", "POST"), ("snapshots", "GET")):
        assert (await yard.ask(verb, method)).status_code == 404


async def test_a_cluster_that_takes_none_says_why_before_anything_is_asked(yard: Yard):
    why = "the storage keeps no states"
    entry = {"ability": Ability.SNAPSHOTS.value, "verdict": "no", "reason": why}
    async with yard.platform.database.write() as uow:
        (await uow.session.get_one(ClusterRow, yard.instance.cluster_id)).capabilities = [entry]
    refused = await yard.ask("snapshots", name="before")
    assert (refused.json()["code"], why in refused.text) == ("deployment.unsupported", True)
    assert await in_use(yard) == 0


PLANS = {
    "take": snapshot_flows.take_plan,
    "restore": snapshot_flows.restore_plan,
    "delete": snapshot_flows.delete_plan,
}


@pytest.mark.parametrize("what", PLANS)
async def test_a_worker_that_dies_anywhere_is_followed_by_one_that_ends_it(yard: Yard, what: str):
    steps = PLANS[what](Mock()).steps
    for number, (step, phase) in enumerate(itertools.product(steps, ("started", "effected"))):
        await write(yard, "then")
        kept = await take(yard, f"kept-{number}") if what != "take" else ""
        await write(yard, "now")
        asked = {
            "take": ("snapshots", "POST", {"name": f"new-{number}"}),
            "restore": (f"snapshots/{kept}/restore", "POST", {}),
            "delete": (f"snapshots/{kept}", "DELETE", {}),
        }[what]
        answer = await yard.ask(asked[0], asked[1], **asked[2])
        operation_id = answer.json()["operation_id"]
        await yard.killed_at(step.name, phase, operation_id)
        done = await yard.finish(operation_id)
        assert (done.state, await yard.all()) == ("succeeded", RUNS), (step.name, phase)
        assert await read(yard) == ("then" if what == "restore" else "now")
        assert len(await listed(yard)) == await on_engine(yard) == await in_use(yard)
