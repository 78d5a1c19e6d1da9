"""1000 operations of 8 steps: CPU of the executor against plain writes of the same rows.

The floor writes what the executor leaves behind (steps, events, states) in as many
transactions on the same engine, without claims, fences, cancellation, retries or undo.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert, update

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.core.durable import (
    EventRow,
    OperationRow,
    Plan,
    State,
    Step,
    StepContext,
    StepRow,
    StepState,
    Submission,
    Worker,
    submit,
)
from stead.kit import clock, ids

STEPS = 8
TARGET = 1.5


async def _nothing(_context: StepContext) -> None:
    return


PLAN = Plan("bench", 1, tuple(Step(f"s{n}", f"Step {n}", _nothing) for n in range(STEPS)))


def main() -> int:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1000)
    count = parser.parse_args().operations
    rows = [asyncio.run(_measure(kind, count)) for kind in ("floor", "executor")]
    sys.stdout.write(f"{count} operations of {STEPS} steps, SQLite, commit synced\n")
    for name, cpu, wall in rows:
        per_step = cpu / count / STEPS * 1000
        sys.stdout.write(
            f"  {name:<9} {per_step:6.3f} ms CPU a step  {count / wall:7.1f} a second\n"
        )
    ratio = rows[1][1] / rows[0][1]
    result = {
        "name": "operations",
        "value": round(ratio, 3),
        "unit": "CPU of plain writes",
        "target": TARGET,
        "ok": ratio <= TARGET,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


async def _measure(kind: str, count: int) -> tuple[str, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "bench.db"), Bus())
        await migrations.upgrade(database)
        before, began = _cpu(), time.monotonic()
        await (_floor(database, count) if kind == "floor" else _executor(database, count))
        used, wall = _cpu() - before, time.monotonic() - began
        await database.close()
    return kind, used, wall


async def _executor(database: Database, count: int) -> None:
    worker = Worker(database, [PLAN], owner="bench", slots=50)
    task = asyncio.create_task(worker.run(alone=True))
    operations = [await _submit(database, number) for number in range(count)]
    for operation in operations:
        topic = f"subject:{operation}"
        while True:
            seen = database.bus.version(topic)
            async with database.read() as uow:
                row = await uow.session.get_one(OperationRow, operation)
            if State(row.state).ended:
                break
            await database.bus.changed(f"operation:{operation}", seen, 1)
    task.cancel()
    await asyncio.wait({task})


async def _submit(database: Database, number: int) -> str:
    submission = Submission("p", f"subject{number}", "bench", "bench")
    async with database.write() as uow:
        return await submit(uow, PLAN, submission)


async def _floor(database: Database, count: int) -> None:
    for number in range(count):
        operation = ids.new_id()
        await _begin(database, operation, number)
        for position in range(STEPS):
            for state in (StepState.RUNNING, StepState.DONE):
                async with database.write() as uow:
                    where = (StepRow.operation_id == operation, StepRow.position == position)
                    values = {"state": state, "started_at": clock.utc_now()}
                    await uow.session.execute(update(StepRow).where(*where).values(values))
                    await uow.session.execute(
                        insert(EventRow), [_event(operation, f"s{position}", state)]
                    )
        async with database.write() as uow:
            ended = {"state": State.SUCCEEDED, "finished_at": clock.utc_now()}
            mine = OperationRow.id == operation
            await uow.session.execute(update(OperationRow).where(mine).values(ended))
            await uow.session.execute(insert(EventRow), [_event(operation, None, "succeeded")])


async def _begin(database: Database, operation: str, number: int) -> None:
    row = {
        "id": operation,
        "kind": "bench",
        "plan_version": 1,
        "project_id": "p",
        "subject": f"subject{number}",
        "title": "bench",
        "requested_by": "bench",
        "params": {},
        "state": "running",
        "cancellable": True,
        "cancel_requested": False,
        "fence": 0,
        "lease_until": 0,
        "created_at": clock.utc_now(),
    }
    steps = [
        {
            "operation_id": operation,
            "position": n,
            "name": f"s{n}",
            "title": "",
            "state": "pending",
        }
        for n in range(STEPS)
    ]
    async with database.write() as uow:
        await uow.session.execute(insert(OperationRow), [row])
        await uow.session.execute(insert(StepRow), steps)
        await uow.session.execute(insert(EventRow), [_event(operation, None, "queued")])


def _event(operation: str, step: str | None, state: str) -> dict[str, object]:
    data = {"state": state}
    now = clock.utc_now()
    return {"operation_id": operation, "at": now, "step": step, "kind": "step", "data": data}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
