"""1000 operations of 8 steps: CPU of the executor against plain writes of the same rows.

Plain means SQLAlchemy's statements on a synchronous connection, without a session or a loop:
the same rows and changes in as many synced transactions, but no leases, fences, cancelling,
retries or undo. Both work in turns, on databases that keep what was done, so that a busy
machine slows both and a cost that grows with the number of operations shows.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine, plain
from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.core.durable import (
    OperationRow,
    Plan,
    State,
    Step,
    StepContext,
    Submission,
    Worker,
    submit,
)
from stead.core.durable.events import topic

STEPS = 8
TARGET = 1.5
ROUND = 100


async def _nothing(_context: StepContext) -> None:
    return


PLAN = Plan("bench", 1, tuple(Step(f"s{n}", f"Step {n}", _nothing) for n in range(STEPS)))


@dataclass
class Spent:
    """What one of the two has used."""

    processor: float = 0.0
    wall: float = 0.0
    first: float = 0.0
    last: float = 0.0

    def add(self, processor: float, wall: float) -> None:
        """Count a round."""
        self.first = self.first or processor
        self.last = processor
        self.processor += processor
        self.wall += wall


def main() -> int:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=400, help="end after these, and say so")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seen = machine.look(Path(scratch))
        rows, done = asyncio.run(_measure(Path(scratch), chosen.operations, chosen.seconds))
    return _report(rows, done, chosen.operations, seen)


async def _measure(folder: Path, count: int, seconds: float) -> tuple[dict[str, Spent], int]:
    files = {kind: folder / f"{kind}.db" for kind in ("plain", "executor")}
    for file in files.values():
        made = Database(sqlite_url(file), Bus())
        await migrations.upgrade(made)
        await made.close()
    peer = plain.Writer(files["plain"], STEPS)
    database = Database(sqlite_url(files["executor"]), Bus())
    worker = Worker(database, [PLAN], owner="bench", slots=50)
    rows = {kind: Spent() for kind in files}
    began, done = time.monotonic(), 0
    while done < count and time.monotonic() - began < seconds:
        size = min(ROUND, count - done)
        before, start = _cpu(), time.monotonic()
        for number in range(done, done + size):
            peer.write(number)
        rows["plain"].add(_cpu() - before, time.monotonic() - start)
        before, start = _cpu(), time.monotonic()
        await _execute(database, worker, range(done, done + size))
        rows["executor"].add(_cpu() - before, time.monotonic() - start)
        done += size
    peer.close()
    await database.close()
    return rows, done


async def _execute(database: Database, worker: Worker, numbers: range) -> None:
    task = asyncio.create_task(worker.run(alone=True))
    operations = [await _submit(database, number) for number in numbers]
    for operation in operations:
        await _end(database, operation)
    task.cancel()
    await asyncio.wait({task})


async def _submit(database: Database, number: int) -> str:
    submission = Submission("p", f"subject{number}", "bench", "bench")
    async with database.write() as uow:
        return await submit(uow, PLAN, submission)


async def _end(database: Database, operation: str) -> None:
    while True:
        seen = database.bus.version(topic(operation))
        async with database.read() as uow:
            row = await uow.session.get_one(OperationRow, operation)
        if State(row.state).ended:
            return
        await database.bus.changed(topic(operation), seen, 30)


def _report(rows: dict[str, Spent], done: int, asked: int, seen: dict[str, Any]) -> int:
    sys.stdout.write(f"{done} operations of {STEPS} steps, SQLite, commit synced\n")
    if done < asked:
        sys.stdout.write(f"  time was up before all {asked} were done\n")
    sys.stdout.write(machine.tell(seen))
    per = 1000 / STEPS
    for name, spent in rows.items():
        sys.stdout.write(
            f"  {name:<9} {spent.processor / done * per:6.3f} ms CPU a step"
            f" (first {ROUND} {spent.first / min(ROUND, asked) * per:.3f},"
            f" last {spent.last / min(ROUND, asked) * per:.3f})"
            f"  {done / spent.wall:7.1f} operations a second\n"
        )
    ratio = rows["executor"].processor / rows["plain"].processor
    result = {
        "name": "operations",
        "value": round(ratio, 3),
        "unit": "CPU of plain writes",
        "target": TARGET,
        "operations": done,
        **seen,
        "ok": ratio <= TARGET and done == asked,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
