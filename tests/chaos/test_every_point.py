"""A worker is killed with -9 at every point of a reference plan, one after the other.

The points are found by letting each way through the executor pass once unharmed.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.chaos.mortal_worker import PATHS, STEPS
from tests.support import postgres
from tests.support.incus import ROOT

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url

pytestmark = pytest.mark.timeout(240)
END = {
    "forward": "succeeded",
    "retried": "succeeded",
    "failing": "failed",
    "cancelled": "cancelled",
    "redone": "succeeded",
    "limited": "succeeded",
}
WORKER = str(Path(__file__).with_name("mortal_worker.py"))


@dataclass
class Nursery:
    """The process that forks mortal workers."""

    process: subprocess.Popen[str]

    def live(self, *paths: str, die_at: int = 0) -> dict[str, Any]:
        """Let a worker finish what is left, then go a way, and die at a point of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"paths": paths, "die_at": die_at}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as running:
        yield running


@contextlib.asynccontextmanager
async def closing(database: Database) -> AsyncIterator[Database]:
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def nursery(database: Database, url: str, folder: Path) -> AsyncIterator[Nursery]:
    await migrations.upgrade(database)
    world = folder / "world.db"
    with contextlib.closing(sqlite3.connect(world)) as made:
        made.executescript(
            "pragma journal_mode=wal;"
            "create table log (operation, step, what, round);"
            "create table resource (operation, step, primary key (operation, step));"
        )
    process = subprocess.Popen(  # noqa: ASYNC220  (nothing else happens in this loop)
        [sys.executable, WORKER, url, str(world), str(folder / "trail")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        process.communicate()


async def test_killed_at_every_point_on_sqlite(tmp_path: Path):
    await _everywhere(sqlite_url(tmp_path / "stead.db"), tmp_path)


async def test_killed_at_every_point_on_postgresql(tmp_path: Path, server: postgres.Postgres):
    await _everywhere(server.url, tmp_path)


async def _everywhere(url: str, folder: Path) -> None:
    async with closing(Database(url, Bus())) as database:
        await _kill_everywhere(database, url, folder)
        await _judge(database, folder / "world.db")


async def _kill_everywhere(database: Database, url: str, folder: Path) -> None:
    async with nursery(database, url, folder) as workers:
        for path in PATHS:
            points = workers.live(path)["passed"]
            assert len(points) >= 16, points
            assert {"before doing b", "after doing b"} <= set(points)
            for number in range(1, len(points) + 1):
                seen = workers.live(path, die_at=number)
                assert seen["killed"], (path, points[number - 1], seen)
                assert seen["passed"] == points[:number], path
        assert workers.live()["code"] == 0


async def _judge(database: Database, world: Path) -> None:
    async with database.read() as uow:
        rows = await uow.session.execute(text("select id, title, state from operation"))
        operations = {row.id: (row.title, row.state) for row in rows}
        held = await uow.session.scalar(text("select count(*) from operation_holder"))
    wrong = {one: (path, state) for one, (path, state) in operations.items() if state != END[path]}
    assert wrong == {}
    assert held == 0
    with contextlib.closing(sqlite3.connect(world)) as opened:
        things = Counter(row[0] for row in opened.execute("select operation from resource"))
        repeated = opened.execute("select * from log where what = 'repeated'").fetchall()
    ended_well = [one for one, (_, state) in operations.items() if state == "succeeded"]
    assert things == dict.fromkeys(ended_well, len(STEPS)), "nothing is left and nothing missing"
    assert repeated == [], "a recorded step ran again"
