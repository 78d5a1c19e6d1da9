"""The map and the test of a simulated cluster."""

from collections.abc import Awaitable, Callable

import pytest
from tests.unit.engines.simulator.conftest import spec

from stead.engines import errors
from stead.engines.abilities import Examines, Surveys
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import Effect, Fault, FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import Topic


async def test_a_map_shows_what_guests_use(
    driver: SimulatorDriver, make: Callable[..., Awaitable[None]]
):
    assert isinstance(driver, Surveys)
    await make("a", start=True)
    found = await driver.survey()
    assert [one.guest.name for one in found.guests] == ["a"]
    on = found.guests[0].guest.node
    used = {one.name: one.memory_used_mb for one in found.nodes}
    assert used == {"sim1": 0, "sim2": 0, "sim3": 0} | {on: spec().memory_mb}
    assert {one.node: one.used_gb for one in found.storages}[on] == spec().disk_gb
    assert found.quorate is True


async def test_lost_nodes_are_down_and_take_the_quorum_with_them(driver: SimulatorDriver):
    driver.world.lose_node("sim1")
    one = await driver.survey()
    assert ([n.online for n in one.nodes], one.quorate) == ([False, True, True], True)
    driver.world.lose_node("sim2")
    assert (await driver.survey()).quorate is False
    checked = await driver.examine(Topic.STORAGES)
    assert [one.ok for one in checked] == [False, False, True]


async def test_what_is_switched_off_is_a_missing_right():
    without = frozenset({Ability.SNAPSHOTS})
    driver = SimulatorDriver(World(VirtualTime()), FaultPlan(), without)
    assert isinstance(driver, Examines)
    missing = [one for one in await driver.examine(Topic.RIGHTS) if not one.ok]
    assert [one.disables for one in missing] == [("snapshots",)]


@pytest.mark.parametrize("topic", Topic)
async def test_every_topic_says_that_it_is_simulated(driver: SimulatorDriver, topic: Topic):
    found = await driver.examine(topic)
    assert found
    assert all("Simulator" in one.text for one in found)


async def test_a_map_has_bad_days_too(driver: SimulatorDriver, faults: FaultPlan):
    faults.add(Fault(Effect.UNREACHABLE, "survey"))
    with pytest.raises(errors.UnreachableError):
        await driver.survey()
