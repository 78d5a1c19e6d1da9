"""A deployment gets another size within its limits, or keeps the one that it has."""

import itertools
from unittest.mock import Mock

import pytest
from tests.factories.acting import Yard, make_yard
from tests.factories.durable import cancel
from tests.factories.platform import Platform

from stead.deployments import resize_flows
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.faults import Effect, Fault
from stead.engines.values import GuestSize
from stead.identity import limits, public as identity
from stead.identity.public import Resource
from stead.infra.models import ClusterRow

SMALL = GuestSize(1, 512, 8)
AMOUNTS = ("cores", "memory_mb", "disk_gb")


@pytest.fixture
async def yard(platform: Platform) -> Yard:
    return await make_yard(platform)


async def sizes(yard: Yard) -> set[GuestSize]:
    """Return the size as the engine, the API and the project's limits have it."""
    project = next(iter(yard.owner.projects))
    async with yard.platform.database.read() as uow:
        use = {one.resource: one.used for one in await identity.list_use(uow, yard.owner, project)}
    shown = (await yard.ask("", "GET")).json()
    return {
        (await yard.guest()).size,
        GuestSize(*(shown[name] for name in AMOUNTS)),
        GuestSize(*(use[Resource(name)] for name in AMOUNTS)),
    }


async def limit(yard: Yard, **most: int) -> None:
    project = next(iter(yard.owner.projects))
    admin = await yard.platform.admin("Root")
    async with yard.platform.database.write() as uow:
        wanted = {Resource(name): amount for name, amount in most.items()}
        await limits.set_limits(uow, admin, project, wanted)


async def test_it_grows_and_shrinks_while_it_runs(yard: Yard):
    assert (await yard.do("resize", cores=2, memory_mb=1024, disk_gb=10)).state == "succeeded"
    assert await sizes(yard) == {GuestSize(2, 1024, 10)}
    assert (await yard.do("resize", memory_mb=512)).state == "succeeded"
    assert await sizes(yard) == {GuestSize(2, 512, 10)}
    assert (await yard.all())[:2] == ("running", "live")
    assert await yard.wanted() == "running"


async def test_a_size_by_name_keeps_a_larger_disk(yard: Yard):
    await yard.do("resize", disk_gb=30)
    assert (await yard.do("resize", size="medium")).state == "succeeded"
    assert await sizes(yard) == {GuestSize(2, 2048, 30)}


async def test_what_is_stopped_stays_so(yard: Yard):
    await yard.do("stop")
    assert (await yard.do("resize", cores=2)).state == "succeeded"
    assert ((await yard.all())[:2], await yard.wanted()) == (("stopped", "stopped"), "stopped")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"disk_gb": 4}, "disk_gb"),
        ({"cores": 5}, "cores"),
        ({"memory_mb": 64}, "memory_mb"),
        ({"disk_gb": 61}, "disk_gb"),
    ],
)
async def test_what_does_not_fit_is_refused(yard: Yard, asked: dict[str, int], field: str):
    refused = await yard.ask("resize", **asked)
    assert (refused.status_code, list(refused.json()["fields"])) == (422, [field])
    assert await sizes(yard) == {SMALL}


@pytest.mark.parametrize("asked", [{"cores": 1}, {"cores": 0}, {"cores": 10**9}, {"gpus": 1}])
async def test_nonsense_is_refused(yard: Yard, asked: dict[str, int]):
    assert (await yard.ask("resize", **asked)).status_code == 422


async def test_only_what_grows_is_held_against_the_limits(yard: Yard):
    await limit(yard, cores=2, memory_mb=100)
    refused = await yard.ask("resize", cores=3)
    assert (refused.status_code, "1 of 2 cores" in refused.text) == (409, True)
    assert await sizes(yard) == {SMALL}
    assert (await yard.do("resize", cores=2)).state == "succeeded"
    assert await sizes(yard) == {GuestSize(2, 512, 8)}


async def test_until_it_is_there_the_larger_of_each_is_taken_up(yard: Yard):
    await yard.do("resize", memory_mb=2048)
    await limit(yard, memory_mb=2048)
    assert (await yard.ask("resize", cores=2, memory_mb=512)).status_code == 202
    refused = await yard.platform.api(yard.token).post(
        "/api/v1/deployments", json={"app": "redis", "name": "more"}
    )
    assert (refused.status_code, "2048 of 2048" in refused.text) == (409, True)


async def test_what_fails_gives_everything_back(yard: Yard):
    yard.faults.add(Fault(Effect.TASK_FAILED, "resize"))
    assert (await yard.do("resize", cores=2, memory_mb=1024)).state == "failed"
    assert (await sizes(yard), await yard.wanted()) == ({SMALL}, "running")


async def test_a_disk_that_has_grown_is_told_of(yard: Yard):
    operation_id = (await yard.ask("resize", cores=2, disk_gb=10)).json()["operation_id"]
    await yard.killed_at("resize", "effected", operation_id)
    await cancel(yard.platform.database, operation_id)
    assert (await yard.finish(operation_id)).state == "cancelled"
    assert await sizes(yard) == {GuestSize(1, 512, 10)}


async def test_a_cluster_that_cannot_says_why(yard: Yard):
    entry = {"ability": Ability.RESIZE.value, "verdict": "no", "reason": "made of stone"}
    async with yard.platform.database.write() as uow:
        (await uow.session.get_one(ClusterRow, yard.instance.cluster_id)).capabilities = [entry]
    refused = await yard.ask("resize", cores=2)
    assert (refused.json()["code"], "stone" in refused.text) == ("deployment.unsupported", True)


async def test_a_worker_that_dies_anywhere_is_followed_by_one_that_ends_it(yard: Yard):
    steps = resize_flows.resize_plan(Mock()).steps
    for number, (step, phase) in enumerate(itertools.product(steps, ("started", "effected"))):
        asked = {"cores": 2 + number % 2, "disk_gb": 9 + number}
        operation_id = (await yard.ask("resize", **asked)).json()["operation_id"]
        await yard.killed_at(step.name, phase, operation_id)
        assert (await yard.finish(operation_id)).state == "succeeded", (step.name, phase)
        assert await sizes(yard) == {GuestSize(asked["cores"], 512, asked["disk_gb"])}
