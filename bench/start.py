"""From a commit to its first step, in a whole stead serve, and what that costs when idle."""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from tests.support import postgres
from tests.support.stead import Stead

from stead import bootstrap
from stead.core import durable, log, settings
from stead.core.durable import Limit, Plan, Step, StepContext, Submission, Worker
from stead.core.settings import Settings
from stead.entrypoints.plant import Plant
from stead.entrypoints.serve import serve
from stead.operations.public import Plans

TARGETS = {"plain": 100.0, "limited": 200.0}
IDLE_CPU, IDLE_MEMORY = 3.0, 200.0
PAUSE = 0.05


def main() -> int:
    """Measure on one database and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--idle", type=int, default=30, help="seconds")
    parser.add_argument("--postgresql", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, database(chosen.postgresql) as url:
        stead = Stead(Path(scratch), None, network="10.93.0.0/16", database=url)
        stead.prepare()
        found = asyncio.run(_measure(settings.load(stead.config), chosen.samples, chosen.idle))
    return _report(found, "PostgreSQL" if chosen.postgresql else "SQLite")


@contextlib.contextmanager
def database(wanted: bool) -> Iterator[str]:  # noqa: FBT001  (one flag of the command line)
    """Give the address of a PostgreSQL of our own, or none, which means SQLite."""
    if not wanted:
        yield ""
        return
    with postgres.running_postgres() as server:
        yield server.url


class Watch:
    """Two plans whose only step notes when it began."""

    def __init__(self) -> None:
        self.began: dict[str, asyncio.Future[float]] = {}
        node = lambda _context: [Limit("node:a", 4)]  # noqa: E731  (what a step takes)
        self.plans = {
            "plain": Plan("bench.plain", 1, (Step("a", "A", self._note),)),
            "limited": Plan("bench.limited", 1, (Step("a", "A", self._note, limits=node),)),
        }

    async def _note(self, context: StepContext) -> None:
        # The event of the step's beginning was committed before this is called.
        self.began[context.subject].set_result(time.monotonic())


async def _measure(chosen: Settings, samples: int, idle: int) -> dict[str, list[float]]:
    log.configure(json=False)
    watch = Watch()
    ready: asyncio.Future[Plant] = asyncio.get_running_loop().create_future()

    async def assemble(
        given: Settings,
        open_gateway: Callable[[IPv4Address], Awaitable[None]],
        checkpoint: durable.Checkpoint | None = None,
    ) -> Plant:
        plant = await bootstrap.assemble(given, open_gateway, checkpoint)
        plans = [*plant.provided.get(Plans).known.values(), *watch.plans.values()]
        worker = Worker(plant.ground.database, plans, owner="bench")
        ready.set_result(replace(plant, worker=worker))
        return ready.result()

    serving = asyncio.create_task(serve(chosen, assemble))
    plant = await ready
    await asyncio.sleep(2)
    found = {name: await _samples(plant, watch, name, samples) for name in watch.plans}
    await asyncio.sleep(3)
    before, began = _cpu(), time.monotonic()
    await asyncio.sleep(idle)
    found["idle"] = [(_cpu() - before) / (time.monotonic() - began) * 100, _resident()]
    os.kill(os.getpid(), 15)
    await serving
    return found


async def _samples(plant: Plant, watch: Watch, name: str, count: int) -> list[float]:
    took = []
    store = plant.ground.database
    for number in range(count):
        subject = f"{name}:{number}"
        began = watch.began[subject] = asyncio.get_running_loop().create_future()
        async with store.write() as uow:
            asked = Submission("p", subject, "bench", "bench")
            await durable.submit(uow, watch.plans[name], asked)
        committed = time.monotonic()
        took.append((await asyncio.wait_for(began, 30) - committed) * 1000)
        await asyncio.sleep(PAUSE)
    return took


def _report(found: dict[str, list[float]], database: str) -> int:
    sys.stdout.write(f"commit to the first step, {database}, load {os.getloadavg()[0]:.1f}\n")
    worst = {}
    for name, target in TARGETS.items():
        took = sorted(found[name])
        worst[name] = took[int(len(took) * 0.95)]
        sys.stdout.write(
            f"  {name:<8} median {statistics.median(took):6.1f} ms  p95 {worst[name]:6.1f} ms"
            f"  (target {target:g})\n"
        )
    cpu, memory = found["idle"]
    sys.stdout.write(f"  idle     {cpu:.2f} % of a core, {memory:.0f} MB\n")
    ok = all(worst[name] < target for name, target in TARGETS.items())
    result = {
        "name": "start",
        "database": database,
        "value": round(worst["plain"], 1),
        "unit": "ms, p95",
        "limited_ms": round(worst["limited"], 1),
        "idle_cpu_percent": round(cpu, 2),
        "idle_memory_mb": round(memory),
        "target": TARGETS["plain"],
        "ok": ok and cpu < IDLE_CPU and memory < IDLE_MEMORY,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
