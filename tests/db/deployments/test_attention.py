"""Waiting for an agent's work while its guest may stop."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from stead.core.db import Database, Uow
from stead.core.durable import StepError
from stead.deployments import attention
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import Effect, Fault, FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestSpec, NetworkSpec

SPEC = GuestSpec(
    name="guest",
    key="k",
    owner="o",
    image="stead-base",
    network="net",
    address=IPv4Address("10.90.0.5"),
    mac="02:57:0a:5a:00:05",
    cores=1,
    memory_mb=512,
    disk_gb=4,
)


@pytest.fixture
def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
async def engine(faults: FaultPlan) -> SimulatorDriver:
    driver = SimulatorDriver(World(VirtualTime()), faults)
    cidr = IPv4Network("10.90.0.0/24")
    await driver.ensure_network(NetworkSpec("net", cidr, IPv4Address("10.90.0.1"), 8444))
    await driver.settle(await driver.create(SPEC), 10)
    await driver.settle(await driver.start("guest"), 10)
    return driver


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "LOOK_SECONDS", 0.02)


async def never(_uow: Uow) -> str | None:
    return None


async def test_a_guest_that_stopped_is_not_waited_for(database: Database, engine: SimulatorDriver):
    await engine.settle(await engine.stop("guest", force=True), 10)
    with pytest.raises(StepError, match="has stopped"):
        await attention.until_answered(database, engine, "guest", "t", never, 60)


async def test_a_guest_that_is_gone_is_not_waited_for(database: Database, engine: SimulatorDriver):
    with pytest.raises(StepError, match="is gone"):
        await attention.until_answered(database, engine, "other", "t", never, 60)


async def test_an_engine_that_is_away_says_nothing_about_a_guest(
    database: Database, engine: SimulatorDriver, faults: FaultPlan
):
    faults.add(Fault(Effect.UNREACHABLE, "find", times=3))
    looks = 0

    async def later(_uow: Uow) -> str | None:
        nonlocal looks
        looks += 1
        return "done" if looks > 5 else None

    found = await attention.until_answered(database, engine, "guest", "t", later, 60)
    assert found == "done"


async def test_time_runs_out_for_a_guest_that_runs(database: Database, engine: SimulatorDriver):
    assert await attention.until_answered(database, engine, "guest", "t", never, 0.1) is None
