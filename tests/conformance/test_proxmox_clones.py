"""Fifty clones of one template at once, against the lock that refuses the second one.

A real Proxmox copies one template at a time and answers every other request with an error. So
nothing may be retried until it happens to work: each waits for its turn, and the turns follow
each other closely. Time is that of the stand-in.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from tests.proxmox.double import Double
from tests.support.proxmox import TEMPLATE, cluster
from tests.support.virtual import in_virtual_time, virtual_driver

from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.values import GuestSpec, GuestState

pytestmark = pytest.mark.timeout(180)  # a life of many tasks, on a machine that may be busy

CLONES = 50
# What the scheduler may add to the time that the lock alone imposes.
ALLOWANCE = 1.3


def spec(number: int) -> GuestSpec:
    return GuestSpec(
        name=f"clone-{number}",
        key=f"key-{number}",
        owner=f"owner-{number}",
        image=TEMPLATE,
        network="vmbr2",
        address=IPv4Address("10.99.2.20") + number,
        mac=f"02:5d:00:00:01:{number:02x}",
        cores=1,
        memory_mb=64,
        disk_gb=1,
    )


@dataclass(frozen=True)
class Figures:
    """What fifty clones took, in the stand-in's seconds."""

    imposed: float
    taken: float
    refused: int

    def __str__(self) -> str:
        share = self.taken / self.imposed
        return (
            f"{CLONES} clones: the lock imposes {self.imposed:.1f} s, they took "
            f"{self.taken:.1f} s ({share:.2f} times), {self.refused} requests refused"
        )


async def clone_all(double: Double, *drivers: ProxmoxDriver) -> Figures:
    began = double.clock.now()

    async def one(number: int) -> None:
        driver = drivers[number % len(drivers)]
        await driver.settle(await driver.create(spec(number)), 600)

    await asyncio.gather(*(one(number) for number in range(CLONES)))
    asked = [status for method, path, status in double.calls if path.endswith("/clone")]
    made = [found for found in await drivers[0].inventory() if found.name.startswith("clone-")]
    assert len({found.name for found in made}) == len(made) == CLONES
    assert len({found.addresses for found in made}) == CLONES
    assert all(found.state is GuestState.STOPPED for found in made)
    return Figures(
        imposed=CLONES * double.settings.clone_linked,
        taken=double.clock.now() - began,
        refused=sum(status != 200 for status in asked),
    )


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=0) as started:
        yield started


async def test_fifty_clones_pass_one_by_one_and_without_a_refusal(
    double: Double, capsys: pytest.CaptureFixture[str]
):
    driver = virtual_driver(double)
    figures = await in_virtual_time(double, lambda: clone_all(double, driver))
    with capsys.disabled():
        print(f"\n{figures}")  # noqa: T201  (the figures are what this is for)
    assert figures.refused == 0
    assert figures.taken <= figures.imposed * ALLOWANCE
    await driver.close()


async def test_clones_of_two_control_planes_wait_for_each_others(double: Double):
    drivers = virtual_driver(double), virtual_driver(double)
    figures = await in_virtual_time(double, lambda: clone_all(double, *drivers))
    assert figures.refused > 0, "they do not know of each other"
    for driver in drivers:
        await driver.close()
