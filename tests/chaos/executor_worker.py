"""A worker process for the executor's chaos test, with a small world that it changes."""

import asyncio
import os
import random
import sqlite3
import sys
import time
from collections.abc import Mapping

from stead.core import notices
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.durable import Json, Plan, Step, StepContext, StepError, Worker

STEPS = 6
FAILING = 4


class World:
    """Effects that an engine would have: resources, and a log of everything that was done."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, query: str, *values: object) -> None:
        """Do something that is there at once and stays."""
        with sqlite3.connect(self._path, timeout=30) as database:
            database.execute("pragma synchronous=off")
            database.execute(query, values)
        database.close()

    async def log(self, context: StepContext, step: int, what: str) -> None:
        """Write down who does what on which subject."""
        await asyncio.to_thread(
            self.write,
            "insert into log values (?, ?, ?, ?, ?, ?)",
            context.operation_id,
            step,
            what,
            context.subject,
            os.getpid(),
            time.time(),
        )


def plan(world: World) -> Plan:
    """Return a plan whose steps each make one resource; parameters make it fail."""
    return Plan("chaos", 1, tuple(_step(world, number) for number in range(STEPS)))


def _step(world: World, number: int) -> Step:
    async def do(context: StepContext) -> Mapping[str, Json]:
        await world.log(context, number, "do")
        await asyncio.to_thread(
            world.write,
            "insert or ignore into resource values (?, ?)",
            context.operation_id,
            number,
        )
        await asyncio.sleep(random.uniform(0.01, 0.08))  # noqa: S311  (the work takes a while)
        if number == FAILING and context.params.get("fails"):
            raise StepError("no space left", retryable=True)
        await world.log(context, number, "end")
        return {"number": number}

    async def undo(context: StepContext) -> None:
        await world.log(context, number, "undo")
        await asyncio.to_thread(
            world.write,
            "delete from resource where operation = ? and step = ?",
            context.operation_id,
            number,
        )

    return Step(f"s{number}", f"Step {number}", do, undo, backoff_seconds=0.05)


async def main() -> None:
    """Work until killed."""
    url, world, owner, lease = sys.argv[1:]
    bus = Bus()
    database = Database(url, bus)
    worker = Worker(database, [plan(World(world))], owner=owner, lease_seconds=float(lease))
    async with asyncio.TaskGroup() as group:
        if not database.sqlite:
            group.create_task(notices.listen(url, bus))
        group.create_task(worker.run(alone=False))


if __name__ == "__main__":
    asyncio.run(main())
