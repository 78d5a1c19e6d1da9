"""A small simulated cluster."""

from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network

import pytest

from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestSpec, NetworkSpec

NETWORK = NetworkSpec("net", IPv4Network("10.0.0.0/24"), IPv4Address("10.0.0.1"), 8444)


def spec(name: str = "a", *, key: str = "k", number: int = 2) -> GuestSpec:
    return GuestSpec(
        name=name,
        key=key,
        owner="o",
        image="stead-base",
        network="net",
        address=IPv4Address("10.0.0.0") + number,
        mac="",
        cores=1,
        memory_mb=128,
        disk_gb=1,
    )


@pytest.fixture
def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
async def driver(faults: FaultPlan) -> SimulatorDriver:
    one = SimulatorDriver(World(VirtualTime()), faults)
    await one.ensure_network(NETWORK)
    return one


@pytest.fixture
def make(driver: SimulatorDriver) -> Callable[..., Awaitable[None]]:
    async def make(name: str = "a", *, start: bool = False, number: int = 2) -> None:
        await driver.settle(await driver.create(spec(name, number=number)), 10)
        if start:
            await driver.settle(await driver.start(name), 10)

    return make
