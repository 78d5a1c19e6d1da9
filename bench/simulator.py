"""The simulated engine with many guests: memory, and what a call costs."""

import argparse
import asyncio
import json
import sys
import time
import tracemalloc
from ipaddress import IPv4Address, IPv4Network

from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestSpec, NetworkSpec

MEMORY_TARGET = 200
NET = NetworkSpec("net", IPv4Network("10.0.0.0/8"), IPv4Address("10.0.0.1"), 8444)


def spec(number: int) -> GuestSpec:
    """Return one of many guests."""
    return GuestSpec(
        name=f"guest-{number:06}",
        key=f"operation-{number:026}",
        owner=f"{number:026}",
        image="stead-base",
        network="net",
        address=NET.gateway + number,
        mac="",
        cores=1,
        memory_mb=256,
        disk_gb=4,
        note="A guest of the benchmark",
        tags=("bench",),
    )


async def fill(driver: SimulatorDriver, guests: int) -> None:
    """Create and start every guest."""
    await driver.ensure_network(NET)
    for number in range(1, guests + 1):
        one = spec(number)
        await driver.settle(await driver.create(one), 60)
        await driver.settle(await driver.start(one.name), 60)


async def measure(guests: int) -> dict[str, float]:
    """Return memory and times with that many guests."""
    driver = SimulatorDriver(World(VirtualTime(), nodes=[f"n{i}" for i in range(20)]), FaultPlan())
    began = time.perf_counter()
    await fill(driver, guests)
    filled = time.perf_counter() - began
    began = time.perf_counter()
    seen = len(await driver.inventory())
    listed = time.perf_counter() - began
    began = time.perf_counter()
    for number in range(1, 1001):
        await driver.find(spec(number % guests + 1).name)
    found = (time.perf_counter() - began) / 1000
    return {
        "guests": seen,
        "fill_s": round(filled, 2),
        "us_per_create_and_start": round(filled / guests * 1e6),
        "inventory_ms": round(listed * 1000, 1),
        "find_us": round(found * 1e6),
        "simulated_s": round(driver.world.time.now(), 1),
    }


async def memory(guests: int) -> float:
    """Return what that many guests hold, in MB."""
    tracemalloc.start()
    driver = SimulatorDriver(World(VirtualTime()), FaultPlan())
    await fill(driver, guests)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(held / 1e6, 1)


def main() -> int:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=10_000)
    guests = parser.parse_args().guests
    result = asyncio.run(measure(guests)) | {"memory_mb": asyncio.run(memory(guests))}
    for name, value in result.items():
        sys.stdout.write(f"{name:26} {value:>12}\n")
    ok = result["guests"] == guests and result["memory_mb"] < MEMORY_TARGET
    line = {"name": "simulator", "value": result["memory_mb"], "unit": "MB of guests"}
    sys.stdout.write(json.dumps(line | {"target": MEMORY_TARGET, "ok": ok} | result) + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
