"""What watching a cluster costs: processor time and engine calls, with many guests.

The simulated engine runs in the same process, so its own share of the processor is measured
apart and shown beside. Nine of ten guests are ours; while it churns one changes each second.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.simulator import fill, spec
from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.infra import public as infra
from stead.infra.models import ClaimRow
from stead.infra.watchers import Watcher
from stead.kit import clock

SIZES = (1_000, 10_000)
LOOKS_TARGET, CPU_TARGET = 12.5, 3.0
COLUMNS = ("guests", "engine", "guests change", "cpu %", "of it engine", "looks/min", "finds/min")


class Counted(SimulatorDriver):
    """Counts calls, and the processor time that the simulation itself takes for them."""

    def __init__(self, world: World, without: frozenset[Ability]) -> None:
        super().__init__(world, FaultPlan(), without)
        self.calls: Counter[str] = Counter()
        self.spent = 0.0

    async def inventory(self) -> Any:
        """Count a complete look."""
        return await self._count("inventory", super().inventory)

    async def find(self, name: str) -> Any:
        """Count a look at one guest."""
        return await self._count("find", lambda: super(Counted, self).find(name))

    async def _count(self, call: str, work: Callable[[], Awaitable[Any]]) -> Any:
        self.calls[call] += 1
        began = time.process_time()
        try:
            return await work()
        finally:
            self.spent += time.process_time() - began


async def measure(guests: int, seconds: float, *, told: bool) -> list[dict[str, Any]]:
    """Watch a cluster while nothing happens, then while something does."""
    without = frozenset() if told else frozenset({Ability.EVENTS})
    engine = Counted(World(VirtualTime()), without)
    await fill(engine, guests)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "stead.db"), Bus())
        await migrations.upgrade(database)
        cluster_id = await _claim(database, guests)
        watcher = Watcher(database, engine, cluster_id)
        task = asyncio.create_task(watcher.run(alone=True))
        first = await _first_look(database, cluster_id)
        rows = []
        for churn in (False, True):
            row = await _watch(engine, seconds, guests if churn else 0)
            named = {"guests": guests, "engine": "tells" if told else "is asked"}
            rows.append(named | row | {"first_look_s": first})
        task.cancel()
        await asyncio.wait({task})
        await database.close()
    return rows


async def _claim(database: Database, guests: int) -> str:
    async with database.write() as uow:
        cluster_id = await infra.ensure_local_cluster(uow, "simulator")
        ours = [spec(number) for number in range(1, guests + 1) if number % 10]
        values = [
            {
                "cluster_id": cluster_id,
                "native_name": one.name,
                "owner": one.owner,
                "key": one.key,
                "created_at": clock.utc_now(),
                "wanted": "running",
                "node": "",
                "missed": 0,
            }
            for one in ours
        ]
        await uow.session.execute(insert(ClaimRow), values)
    return cluster_id


async def _first_look(database: Database, cluster_id: str) -> float:
    began = time.process_time()
    topic = infra.topic(cluster_id)
    await database.bus.changed(topic, database.bus.version(topic), 300)
    first = round(time.process_time() - began, 2)
    # The second look may still find something to agree on.
    await asyncio.sleep(6)
    return first


async def _watch(engine: Counted, seconds: float, churn: int) -> dict[str, Any]:
    engine.calls.clear()
    engine.spent = 0.0
    processor, began, number = time.process_time(), time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        if churn:
            number = number % churn + 1
            await SimulatorDriver.stop(engine, spec(number * 7 % churn + 1).name, force=True)
            engine.world.time.advance(2)
        await asyncio.sleep(min(1, max(0.01, seconds - passed)))
    spent = time.process_time() - processor
    return {
        "guests change": "each second" if churn else "no",
        "cpu %": round(spent / passed * 100, 2),
        "of it engine": round(engine.spent / passed * 100, 2),
        "looks/min": round(engine.calls["inventory"] / passed * 60, 1),
        "finds/min": round(engine.calls["find"] / passed * 60, 1),
    }


def main() -> int:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--guests", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for guests in asked.guests:
        for told in (True, False):
            rows += asyncio.run(measure(guests, asked.seconds, told=told))
    sys.stdout.write("".join(f"{name:>15}" for name in (*COLUMNS, "first look s")) + "\n")
    for row in rows:
        cells = [*(row[name] for name in COLUMNS), row["first_look_s"]]
        sys.stdout.write("".join(f"{cell:>15}" for cell in cells) + "\n")
    quiet = [row for row in rows if row["guests change"] == "no"]
    worst = max(row["cpu %"] for row in quiet)
    most = max(row["looks/min"] for row in rows)
    result = {
        "name": "inventory-watch",
        "value": worst,
        "unit": "% of a core while nothing changes",
        "looks_per_minute": most,
        "target": CPU_TARGET,
        "rows": rows,
        "ok": worst < CPU_TARGET and most <= LOOKS_TARGET,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
