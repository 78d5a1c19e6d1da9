"""500 agents over TLS, five of them real: from a job to its agent, from a line to who watches.

A job's pickup is the time from its row, just before the commit, to the agent that has it in its
hands; a line's way is from the script's output to a client of the server-sent events.

The load is what a busy fleet does, not what fits: six jobs a second give each of 500 machines one
in 83 seconds, so that a change of the whole fleet is through in a minute and a half. A job tells
five lines 0.2 s apart, each in a request of its own, which is the worst that agents do (what comes
faster they send together), so that eight jobs run and are watched at any time, and 30 lines come
a second. All agents poll beside that, anew after 15 to 25 s, as all agents do. They join before
anything is measured, and the end of their first polls is waited for: those came all at once.

What plays the agents and what watches share the processors with the servers. The table says how
much both use, how late their own timers are (which is in every figure), and what others took of
the machine meanwhile. PostgreSQL's own processes are told as well: they share the machine too.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import machine, usage
from bench.agents_stage import Stage
from bench.agents_watch import Found, Watch
from bench.start import database

TARGETS = {"pickup": 100.0, "line": 300.0}
REAL = 5
# The longest poll.
SETTLE_SECONDS = 26


def main() -> int:
    """Play agents, give them jobs, and print how long they waited and what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, help="simulated; 500, or 1000 on PostgreSQL")
    parser.add_argument("--real", type=int, default=REAL)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--rate", type=float, default=6, help="jobs a second")
    parser.add_argument("--lines", type=int, default=5, help="of output of each job")
    parser.add_argument("--postgresql", action="store_true", help="and two server processes")
    parser.add_argument("--profile", type=Path, help="where to write the servers' profiles")
    chosen = parser.parse_args()
    chosen.agents = chosen.agents or (1000 if chosen.postgresql else 500)
    with tempfile.TemporaryDirectory() as scratch, database(chosen.postgresql) as url:
        seen = machine.look(Path(scratch))
        with _stage(Path(scratch), url, chosen) as stage:
            found, costs = asyncio.run(_measure(stage, chosen))
    return _report(found, costs, chosen, seen)


@contextlib.contextmanager
def _stage(folder: Path, url: str, chosen: argparse.Namespace) -> Iterator[Stage]:
    stage = Stage(folder, url, 2 if chosen.postgresql else 1, chosen.profile)
    stage.prepare(chosen.agents, chosen.real)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


async def _measure(
    stage: Stage, chosen: argparse.Namespace
) -> tuple[Found, dict[str, tuple[float, float]]]:
    watch = Watch(stage)
    async with stage.agents(chosen.lines, watch.heard):
        await asyncio.sleep(SETTLE_SECONDS)
        groups = stage.groups()
        before = usage.used(groups)
        idle = min(20.0, chosen.seconds)
        await asyncio.sleep(idle)
        rested = usage.shares(before, usage.used(groups), idle)
        before, late = usage.used(groups), list[float]()
        lag = asyncio.create_task(usage.lag(late))
        took = await watch.run(chosen.rate, chosen.seconds, chosen.lines)
        lag.cancel()
        shares = usage.shares(before, usage.used(groups), took)
        costs = {name: (cpu, usage.resident(groups.get(name, ()))) for name, cpu in shares.items()}
        found = await watch.found()
    found.idle, found.late = rested, usage.p95(late)
    return found, costs


def _report(
    found: Found,
    costs: dict[str, tuple[float, float]],
    chosen: argparse.Namespace,
    seen: dict[str, Any],
) -> int:
    kind = "PostgreSQL, two server processes" if chosen.postgresql else "SQLite"
    sys.stdout.write(
        f"{chosen.agents} simulated and {chosen.real} real agents, {kind}; {found.jobs} jobs of"
        f" {chosen.lines} lines at {chosen.rate:g} a second\n{machine.tell(seen)}"
    )
    worst = {}
    for name, took in (("pickup", found.pickup), ("line", found.line)):
        worst[name] = machine.p95(took)
        sys.stdout.write(
            f"  {name:<8} median {statistics.median(took):6.1f} ms  p95 {worst[name]:6.1f} ms"
            f"  slowest {max(took):6.1f} ms  (target p95 {TARGETS[name]:g}, {len(took)} seen)\n"
        )
    for name, (cpu, memory) in costs.items():
        sys.stdout.write(
            f"  {name:<12} {cpu:6.1f} % of a core ({found.idle[name]:.1f} % without jobs)"
            f"{f', {memory:.0f} MB' if memory else ''}\n"
        )
    sys.stdout.write(f"  our own timers were late by p95 {found.late:.1f} ms\n")
    ok = all(worst[name] < target for name, target in TARGETS.items())
    result = {
        "name": "agents",
        "database": "PostgreSQL" if chosen.postgresql else "SQLite",
        "agents": chosen.agents + chosen.real,
        "value": round(worst["pickup"], 1),
        "unit": "ms, p95 of pickup",
        "target": TARGETS["pickup"],
        "line_ms": round(worst["line"], 1),
        "line_target": TARGETS["line"],
        "jobs": found.jobs,
        "rate": chosen.rate,
        "late_ms": round(found.late, 1),
        "cpu_percent": {name: round(cpu, 1) for name, (cpu, _) in costs.items()},
        "idle_cpu_percent": {name: round(cpu, 1) for name, cpu in found.idle.items()},
        "memory_mb": {name: round(memory) for name, (_, memory) in costs.items()},
        **seen,
        "ok": ok and not found.lost,
    }
    if found.lost:
        sys.stdout.write(f"  {found.lost} jobs did not end well\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
