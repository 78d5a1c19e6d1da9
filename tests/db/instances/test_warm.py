"""Guests that are kept ready: made, taken, never strange, and gone when nobody wants them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.db.infra.connected import BASE
from tests.factories.elsewhere import CLUSTER, HOSTING, House, at_work, house
from tests.factories.platform import Platform
from tests.proxmox.double import Double
from tests.support.proxmox import TEMPLATE, cluster

from stead.engines.drivers.proxmox.mapping import read_record
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import Guest, NodeFacts, Survey
from stead.entrypoints import simulated_guests
from stead.infra import public as infra, surveys
from stead.infra.fleet import Fleet
from stead.instances import warm, workflows
from stead.instances.warm import Filling
from stead.kit import clock

pytestmark = pytest.mark.timeout(180)  # a machine that may be busy
NONE = {"small": 0, "medium": 0, "large": 0}


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=20) as started:
        yield started


@pytest.fixture
async def one(platform: Platform, double: Double, tmp_path: Path) -> AsyncIterator[House]:
    async with house(platform, double, tmp_path) as made:
        answer = await made.admin.put(
            f"{BASE}/{CLUSTER}/hosting", json=HOSTING | {"image": TEMPLATE}
        )
        assert answer.status_code == 200, answer.text
        yield made


@pytest.fixture
async def simulator(one: House) -> AsyncIterator[SimulatorDriver]:
    """Let the server's own cluster be a simulated one, with agents in its guests."""
    engine = SimulatorDriver(World(VirtualTime()), FaultPlan())
    async with one.platform.database.read() as uow:
        local = await infra.local_cluster_id(uow)
    one.platform.services.get(Fleet).embedded = {local: engine}
    task = asyncio.create_task(simulated_guests.play(engine, one.platform.agents))
    yield engine
    task.cancel()
    await asyncio.wait({task})


async def keep(one: House, where: str, **sizes: int) -> None:
    answer = await one.admin.put(f"{BASE}/{where}/warm", json=NONE | sizes)
    assert answer.status_code == 200, answer.text


async def ready(one: House, where: str, number: int, size: str = "small") -> None:
    """Wait until so many are ready and nobody is about to make another one."""
    async with asyncio.timeout(60):
        while True:
            rows = (await one.admin.get(f"{BASE}/{where}/warm")).json()
            (row,) = [row for row in rows if row["size"] == size]
            asked = {"kind": "instances.warm"}
            fills = (await one.admin.get("/api/v1/operations", params=asked)).json()
            over = all(fill["finished_at"] for fill in fills)
            if (row["ready"], row["coming"]) == (number, 0) and over:
                return
            await asyncio.sleep(0.05)


async def filled(one: House) -> None:
    """Do what the schedule does each minute."""
    async with one.platform.database.write() as uow:
        await warm.submit(uow, one.platform.services.get(Filling), "Stead")


async def deploy_here(one: House, name: str) -> dict[str, str]:
    body = {"app": "static-site", "name": name, "size": "small"}
    answer = await one.api.post("/api/v1/deployments", json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, str] = answer.json()
    return found


async def test_none_is_kept_unless_somebody_says_so(one: House, simulator: SimulatorDriver):
    rows = (await one.admin.get(f"{BASE}/local/warm")).json()
    assert {(row["wanted"], row["ready"]) for row in rows} == {(0, 0)}
    async with one.platform.database.write() as uow:
        assert (
            await workflows.fill_schedule(one.platform.services.get(Filling).plan).submit(
                uow, "key"
            )
            is None
        )
    assert await simulator.inventory() == ()


async def test_a_deployment_takes_one_and_it_becomes_the_projects_own(
    one: House, simulator: SimulatorDriver
):
    async with at_work(one):
        await keep(one, "local", small=1)
        await ready(one, "local", 1)
        (kept,) = await simulator.inventory()
        assert kept.name.startswith("warm-")
        accepted = await deploy_here(one, "site")
        done = await one.ended(accepted["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        (guest,) = await simulator.inventory()
        assert guest.name.startswith("site-")
        assert (guest.node, guest.key != kept.key) == (kept.node, True)
        assert guest.addresses[0].startswith("10.90.")
        assert created(simulator) == 1
        await filled(one)
        await ready(one, "local", 1)
        gone = await one.api.delete(f"/api/v1/deployments/{accepted['deployment_id']}")
        assert (await one.ended(gone.json()["operation_id"]))["state"] == "succeeded"
        await keep(one, "local")
        await ready(one, "local", 0)
    assert await simulator.inventory() == ()
    records = await one.records()
    assert (records["claim"], records["hosted_guest"]) == (0, 0)


def created(simulator: SimulatorDriver) -> int:
    return sum(task.kind == "create" for task in simulator.world.tasks.values())


async def test_another_size_takes_none(one: House, simulator: SimulatorDriver):
    async with at_work(one):
        await keep(one, "local", medium=1)
        await ready(one, "local", 1, "medium")
        done = await one.ended((await deploy_here(one, "site"))["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        await ready(one, "local", 1, "medium")
    assert len(await simulator.inventory()) == 2


async def test_one_that_somebody_deleted_is_made_anew(one: House, simulator: SimulatorDriver):
    async with at_work(one):
        await keep(one, "local", small=1)
        await ready(one, "local", 1)
        (kept,) = await simulator.inventory()
        await simulator.settle(await simulator.delete(kept.name), 10)
        done = await one.ended((await deploy_here(one, "site"))["operation_id"])
        assert done["state"] == "succeeded", done["error"]
    (guest,) = await simulator.inventory()
    assert guest.name.startswith("site-")


async def test_what_is_kept_ready_is_no_drift(one: House, simulator: SimulatorDriver):
    async with at_work(one):
        await keep(one, "local", small=2)
        await ready(one, "local", 2)
    guests = await simulator.inventory()
    await look(one, "local", *guests)
    found = (await one.admin.get(f"{BASE}/local/guests")).json()
    assert {guest["class"] for guest in found["items"]} == {"known"}
    assert len(found["items"]) == 2


async def look(one: House, name: str, *guests: Guest) -> None:
    async with one.platform.database.write() as uow:
        target = await infra.target(uow, name)
        later = clock.utc_now() + timedelta(minutes=1)
        await infra.record(uow, target.id, infra.Look(later, guests))


async def test_a_clone_that_waits_on_proxmox_is_taken_with_a_clean_address(
    one: House, double: Double
):
    async with at_work(one):
        await keep(one, CLUSTER, small=1)
        await ready(one, CLUSTER, 1)
        ((name, kept),) = one.ours().items()
        assert name.startswith("warm-")
        assert not kept.running
        clones = len(double.tasks("vzclone"))
        done = await one.ended((await one.deploy(size="small"))["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        assert len(double.tasks("vzclone")) == clones
        ((name, guest),) = one.ours().items()
        assert (name.partition("-")[0], guest.vmid) == ("site", kept.vmid)
        assert "ip=10.78.0.100/24" in guest.config["net0"]
        record = read_record(str(guest.config["description"]))
        assert record is not None
        assert record.plan is None
        await keep(one, CLUSTER)
        await ready(one, CLUSTER, 0)
    async with one.platform.database.engine.connect() as connection:
        numbers = await connection.exec_driver_sql("select number from hosted_guest")
        assert [number for (number,) in numbers] == [guest.vmid]


@pytest.mark.parametrize("phase", ["started", "effected"])
async def test_a_worker_that_dies_while_one_is_taken_leaves_one_guest(
    one: House, phase: str, simulator: SimulatorDriver
):
    async with at_work(one):
        await keep(one, "local", small=1)
        await ready(one, "local", 1)
    died = asyncio.Event()

    def checkpoint(_kind: str, name: str, passed: str) -> None:
        if (name, passed) == ("create", phase):
            died.set()
            raise asyncio.CancelledError

    one.checkpoint = checkpoint
    async with at_work(one):
        accepted = await deploy_here(one, "site")
        await asyncio.wait_for(died.wait(), 60)
    one.checkpoint = None
    answer = await one.api.post(f"/api/v1/operations/{accepted['operation_id']}/cancel")
    assert answer.status_code == 202
    async with at_work(one):
        assert (await one.ended(accepted["operation_id"]))["state"] == "cancelled"
    async with at_work(one):
        await filled(one)
        await ready(one, "local", 1)
    (kept,) = await simulator.inventory()
    assert kept.name.startswith("warm-")
    assert (await one.records())["claim"] == 1


async def test_one_that_was_taken_in_vain_is_given_back(one: House, simulator: SimulatorDriver):
    async with at_work(one):
        await keep(one, "local", small=1)
        await ready(one, "local", 1)
        (kept,) = await simulator.inventory()
    died = asyncio.Event()

    def checkpoint(_kind: str, name: str, passed: str) -> None:
        if (name, passed) == ("reserve", "recorded"):
            died.set()
            raise asyncio.CancelledError

    one.checkpoint = checkpoint
    async with at_work(one):
        accepted = await deploy_here(one, "site")
        await asyncio.wait_for(died.wait(), 60)
        await ready(one, "local", 0)
    one.checkpoint = None
    await one.api.post(f"/api/v1/operations/{accepted['operation_id']}/cancel")
    async with at_work(one):
        assert (await one.ended(accepted["operation_id"]))["state"] == "cancelled"
    await ready(one, "local", 1)
    assert [guest.name for guest in await simulator.inventory()] == [kept.name]


async def test_guests_from_an_archive_are_not_kept_and_it_is_said_why(one: House):
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=HOSTING)
    assert answer.status_code == 200
    async with at_work(one):
        await keep(one, CLUSTER, small=1)
        found = (
            await one.admin.get("/api/v1/operations", params={"kind": "instances.warm"})
        ).json()
        done = await one.ended(found[0]["id"])
    assert done["state"] == "failed"
    assert "as they are made" in done["error"]["message"]
    assert one.ours() == {}
    assert (await one.records())["claim"] == 0


async def may_give_out(one: House, memory_mb: int) -> None:
    """Let the server's own cluster have so much memory, and give it out once."""
    async with one.platform.database.write() as uow:
        local = await infra.local_cluster_id(uow)
        await surveys.note(uow, local, Survey(nodes=(NodeFacts("n1", True, 4, memory_mb, 100),)))
    answer = await one.admin.put(f"{BASE}/local/overcommit", json={"memory": 1})
    assert answer.status_code == 200, answer.text


async def test_what_is_kept_ready_is_given_out_and_whoever_takes_it_needs_no_more(
    one: House, simulator: SimulatorDriver
):
    await may_give_out(one, 1024)
    async with at_work(one):
        await keep(one, "local", small=2)
        await ready(one, "local", 2)
        body = {"app": "static-site", "name": "large", "size": "medium"}
        refused = (await one.api.post("/api/v1/deployments", json=body)).json()
        assert refused["code"] == "infra.full"
        assert "1024 are given" in refused["title"]
        for name in ("site", "site-2"):
            done = await one.ended((await deploy_here(one, name))["operation_id"])
            assert done["state"] == "succeeded", done["error"]
        body |= {"name": "third", "size": "small"}
        refused = (await one.api.post("/api/v1/deployments", json=body)).json()
        assert refused["code"] == "infra.full"
    assert created(simulator) == 2


async def test_a_pool_is_filled_as_far_as_there_is_room_and_no_further(
    one: House, simulator: SimulatorDriver
):
    await may_give_out(one, 1200)
    async with at_work(one):
        await keep(one, "local", small=3)
        await ready(one, "local", 2)
        async with one.platform.database.write() as uow:
            schedule = workflows.fill_schedule(one.platform.services.get(Filling).plan)
            assert await schedule.submit(uow, "key") is None
        answer = await one.admin.put(f"{BASE}/local/warm", json=NONE | {"small": 3, "large": 1})
        assert answer.json()["code"] == "infra.full"
        await keep(one, "local", small=1)
        await ready(one, "local", 1)
    assert len(await simulator.inventory()) == 1
