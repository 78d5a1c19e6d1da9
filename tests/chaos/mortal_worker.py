"""Forks workers that kill themselves with -9 at a numbered point of a reference plan.

A point lies before and after every commit that changes something, and before and after every
effect. The parent has imported everything, which saves each of many workers a second; it
reads one task a line and answers with what it saw of the child.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from stead.core import durable, notices
from stead.core.bus import Bus
from stead.core.db import Database, Uow
from stead.core.durable import (
    Json,
    Limit,
    OperationRow,
    Plan,
    State,
    Step,
    StepContext,
    StepError,
    StepRow,
    Submission,
    Worker,
)
from stead.core.durable.store import QUEUE
from stead.core.turns import Turns
from stead.core.waiting import until

PATHS = ("forward", "retried", "failing", "cancelled", "redone", "limited")
STEPS = "abc"


@dataclass
class Fate:
    """Counts the points that are passed, and kills at the chosen one."""

    trail: Path
    die_at: int = 0
    armed: bool = False
    passed: list[str] = field(default_factory=list)

    def begin(self, die_at: int) -> None:
        """Count from the beginning, once armed."""
        self.die_at, self.armed, self.passed = die_at, False, []
        self.trail.write_text("[]")

    def point(self, name: str) -> None:
        """Pass a point, or die there."""
        if not self.armed:
            return
        self.passed.append(name)
        self.trail.write_text(json.dumps(self.passed))
        if len(self.passed) == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalDatabase(Database):
    """A database whose process may die right before and right after a commit."""

    def __init__(self, url: str, bus: Bus, fate: Fate) -> None:
        super().__init__(url, bus)
        self._fate = fate
        event.listen(self._writer.sync_engine, "after_cursor_execute", _look)
        event.listen(self._writer.sync_engine, "commit", self._before)

    def renew(self) -> None:
        """Forget the loop that this was used in before; what is compiled stays."""
        self.bus = Bus()
        self._turns = Turns()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Uow]:
        """Commit as always, with a point behind it, before anybody is told."""
        async with super().write() as uow:
            yield uow
            await uow.session.flush()
            connection = await uow.session.connection()
            if changed := connection.info.get("changed"):
                uow.callbacks.insert(0, lambda: self._fate.point(f"after the commit of {changed}"))

    def _before(self, connection: Any) -> None:
        if changed := connection.info.pop("changed", None):
            self._fate.point(f"before the commit of {changed}")


def _look(*call: Any) -> None:
    connection, cursor, statement = call[:3]
    words = statement.split()
    if (
        words[0] in {"INSERT", "UPDATE", "DELETE"} and cursor.rowcount != 0
    ):  # -1: the driver does not say
        table = words[1] if words[0] == "UPDATE" else words[2]
        connection.info["changed"] = f"{connection.info.get('changed', '')} {table}".strip()


class World:
    """What exists outside, in a file that survives every kill."""

    def __init__(self, path: str, fate: Fate, database: Database) -> None:
        self._path = path
        self.fate = fate
        self._database = database

    def plan(self, path: str) -> Plan:
        """Return the reference plan for one way through the executor."""
        steps = tuple(self._step(name, path) for name in STEPS)
        return Plan(f"chaos.{path}", 1, steps)

    def write(self, query: str, *values: object) -> int:
        """Do something that is there at once and stays; return how many rows it changed."""
        with sqlite3.connect(self._path, timeout=30) as world:
            world.execute("pragma synchronous=off")
            return world.execute(query, values).rowcount

    def _tries(self, context: StepContext, what: str) -> int:
        self.write(
            "insert into log values (?, ?, ?, ?)",
            *(context.operation_id, context.step, what, context.round),
        )
        with sqlite3.connect(self._path) as world:
            query = "select count(*) from log where operation = ? and step = ? and what = ?"
            found = world.execute(query, (context.operation_id, context.step, what))
            return int(found.fetchone()[0])

    def _step(self, name: str, path: str) -> Step:
        async def do(context: StepContext) -> Mapping[str, Json]:
            await self._refuse_repetition(context)
            tries = self._tries(context, "do")
            self.fate.point(f"before doing {name}")
            self.write("insert or ignore into resource values (?, ?)", context.operation_id, name)
            self.fate.point(f"after doing {name}")
            await self._meet(context, path, tries)
            return {"made": name}

        async def undo(context: StepContext) -> None:
            tries = self._tries(context, "undo")
            if path == "failing" and name == "b" and tries == 1:
                raise StepError("busy")
            self.fate.point(f"before undoing {name}")
            query = "delete from resource where operation = ? and step = ?"
            self.write(query, context.operation_id, name)
            self.fate.point(f"after undoing {name}")

        limited = path == "limited" and name == "b"
        limits = (lambda _context: [Limit("node:a", 1)]) if limited else None
        return Step(name, f"Make {name}", do, undo, backoff_seconds=0.001, limits=limits)

    async def _meet(self, context: StepContext, path: str, tries: int) -> None:
        if path == "retried" and context.step == "b" and tries == 1:
            raise StepError("not yet", retryable=True)
        if path == "failing" and context.step == "c":
            raise StepError("never")
        if path == "redone" and context.step == "c" and context.round == 0:
            raise StepError("look at this")
        if path == "cancelled" and context.step == "b":
            async with self._database.write() as uow:
                await durable.request_cancel(uow, context.operation_id)
            await asyncio.Event().wait()

    async def _refuse_repetition(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            query = select(StepRow.state).where(
                StepRow.operation_id == context.operation_id, StepRow.name == context.step
            )
            if await uow.session.scalar(query) == "done":
                self._tries(context, "repeated")


async def _live(database: MortalDatabase, url: str, world: World, *paths: str) -> None:
    """Finish what is left, then go these ways."""
    plans = {name: world.plan(name) for name in PATHS}
    database.renew()
    worker = Worker(database, plans.values(), owner=f"w{os.getpid()}", lease_seconds=60)
    work = [asyncio.create_task(worker.run(alone=True))]
    if not database.sqlite:
        work.append(asyncio.create_task(notices.listen(url, database.bus)))
    await _see_to_the_end(database, plans, worker)
    for path in paths:
        submission = Submission("p", "vm1", path, "test", keep=path == "redone")
        world.fate.armed = True
        async with database.write() as uow:
            await durable.submit(uow, plans[path], submission)
        await _see_to_the_end(database, plans, worker)
    for task in work:
        task.cancel()
    await asyncio.wait(work)
    await database.close()


async def _see_to_the_end(database: Database, plans: Mapping[str, Plan], worker: Worker) -> None:
    """Wait until every operation has ended, and have those redone that were kept."""

    async def look(uow: Uow) -> OperationRow | None:
        query = select(OperationRow).order_by(OperationRow.id.desc()).limit(1)
        row = await uow.session.scalar(query)
        return row if row is None or State(row.state).ended else None

    async with database.read() as uow:
        last = await uow.session.scalar(select(OperationRow.id).order_by(OperationRow.id.desc()))
    if last is None:
        return
    row = await until(database, f"operation:{last}", look, 60)
    if row is None:
        raise TimeoutError(f"{last} does not end")
    # PostgreSQL tells others of a commit before the one who made it.
    while worker._running:
        await database.bus.changed(QUEUE, database.bus.version(QUEUE), 0.1)
    if row.state == State.KEPT:
        async with database.write() as uow:
            await durable.retry(uow, row.id, plans["redone"], "b")
        await _see_to_the_end(database, plans, worker)


def main() -> None:
    """Fork a worker for each line; it works until it has ended everything, or dies.

    All ways are gone once before, here, so that the children find every statement compiled.
    """
    url, world_path, trail = sys.argv[1:]
    fate = Fate(Path(trail))
    database = MortalDatabase(url, Bus(), fate)
    world = World(world_path, fate, database)
    asyncio.run(_live(database, url, world, *PATHS))
    for line in sys.stdin:
        task = json.loads(line)
        fate.begin(task["die_at"])
        child = os.fork()
        if child == 0:
            asyncio.run(_live(database, url, world, *task["paths"]))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        answer = {
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "code": None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status),
            "passed": json.loads(Path(trail).read_text()),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
