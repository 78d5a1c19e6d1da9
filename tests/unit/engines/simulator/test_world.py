"""Time, memory and persistence of the simulated cluster."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.engines.simulator.conftest import NETWORK, spec

from stead.engines import errors, registry
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver, open_driver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import RealTime, VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestFile, GuestState

Make = Callable[..., Awaitable[None]]


async def test_time_that_is_moved_by_hand_stands_still_otherwise():
    time = VirtualTime(jumps=False)
    driver = SimulatorDriver(World(time), FaultPlan())
    asked = asyncio.create_task(driver.health())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asked.done()
    time.advance(1)
    assert (await asked).simulated


async def test_what_becomes_due_happens_in_its_order():
    time, told = VirtualTime(), list[str]()
    for moment, word in ((3, "c"), (1, "a"), (3, "d"), (2, "b")):
        time.at(moment, lambda word=word: told.append(f"{word}{time.now():g}"))  # type: ignore[misc]
    time.advance(2.5)
    assert told == ["a1", "b2"]
    time.advance(10)
    assert told[2:] == ["c3", "d3"]


async def test_real_time_can_be_fast():
    driver = SimulatorDriver(World(RealTime(speed=1000)), FaultPlan())
    await driver.ensure_network(NETWORK)
    await driver.settle(await driver.create(spec()), 60)
    assert driver.world.time.now() > 0.3
    assert (await driver.inventory())[0].state is GuestState.STOPPED


async def test_two_runs_are_the_same():
    async def run() -> tuple[object, float]:
        driver = SimulatorDriver(World(VirtualTime()), FaultPlan())
        await driver.ensure_network(NETWORK)

        async def deploy(number: int) -> None:
            name = f"g{number}"
            await driver.settle(await driver.create(spec(name, number=number)), 60)
            await driver.settle(await driver.start(name), 60)

        await asyncio.gather(*(deploy(number) for number in range(2, 40)))
        return await driver.inventory(), driver.world.time.now()

    assert await run() == await run()


def test_a_simulator_says_so_everywhere():
    driver = registry.connect("simulator", {"time": "jump"})
    health = asyncio.run(driver.health())
    record = asyncio.run(driver.capabilities())
    assert health.simulated
    assert "simulat" in health.version.lower()
    assert record.pool == "simulated"
    assert "Simulator" in record.of(Ability.CPU_LIMIT).reason


async def test_the_world_outlives_a_killed_process(tmp_path: Path):
    options = {"time": "jump", "state": str(tmp_path / "world")}
    before = open_driver(options)
    await before.ensure_network(NETWORK)
    await before.settle(await before.create(spec()), 10)
    await before.push_file("a", GuestFile("/etc/x", b"\0\xff", 0o640))
    await before.settle(await before.create_snapshot("a", "s1"), 10)
    task = await before.start("a")
    with (tmp_path / "world").open("a") as file:
        file.write('["guest","b",{"na')  # killed while writing
    await before.close()
    after = open_driver(options)
    assert (await after.list_snapshots("a"))[0].name == "s1"
    await after.settle(task, 10)
    found = await after.find("a")
    assert found is not None
    assert found.state is GuestState.RUNNING
    assert await after.pull_file("a", "/etc/x", limit_bytes=9) == GuestFile(
        "/etc/x", b"\0\xff", 0o640
    )
    await after.settle(await after.stop("a", force=True), 10)
    await after.settle(await after.delete("a"), 10)
    await after.close()
    last = open_driver(options)
    assert await last.inventory() == ()
    await last.close()


async def test_faults_and_missing_abilities_come_from_options(tmp_path: Path):
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"effect": "unreachable", "method": "health"}]))
    driver = open_driver({"time": "jump", "faults": str(rules), "without": "exec,clone"})
    with pytest.raises(errors.UnreachableError):
        await driver.health()
    record = await driver.capabilities()
    assert not record.of(Ability.EXEC).usable
    with pytest.raises(errors.UnsupportedError, match="Switched off"):
        await driver.clone("a", spec())


@pytest.mark.parametrize(
    "options",
    [{"node": "1"}, {"time": "slow"}, {"speed": "0"}, {"nodes": "x"}, {"without": "flying"},
     {"faults": "/none"}],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, str]):
    with pytest.raises(errors.InvalidError):
        open_driver(options)


async def test_a_finished_task_is_forgotten_some_day_and_settles_still(
    driver: SimulatorDriver, make: Make
):
    await make()
    first = await driver.start("a")
    await driver.settle(first, 10)
    for _ in range(600):
        await driver.settle(await driver.stop("a", force=True), 10)
        await driver.settle(await driver.start("a"), 10)
    assert len(driver.world.tasks) <= 1001
    await driver.settle(first, 10)
