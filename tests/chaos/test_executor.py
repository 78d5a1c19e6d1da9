"""Two hundred operations while workers are killed, frozen and cut off from the database."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.chaos.executor_worker import World, plan
from tests.support import postgres
from tests.support.incus import ROOT

from stead import migrations
from stead.core import durable
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.core.durable import State, Submission

pytestmark = pytest.mark.timeout(180)
CHANCE = random.Random()  # noqa: S311  (chance, not secrets)
OPERATIONS = 200
SUBJECTS = 100
KILLS = 6
LEASE = 2.0
# What takes over may first have to start, beside other tests.
PATIENCE = 90
WORKER = str(Path(__file__).with_name("executor_worker.py"))


@dataclass
class Crew:
    """The worker processes; the dead are replaced under a new name."""

    url: str
    world: Path
    size: int
    alive: list[subprocess.Popen[bytes]] = field(default_factory=list)
    hired: int = 0
    names: dict[int, str] = field(default_factory=dict)

    def fill(self) -> None:
        """Start workers until there are enough."""
        self.alive = [process for process in self.alive if process.poll() is None]
        while len(self.alive) < self.size:
            self.hired += 1
            command = [
                sys.executable,
                WORKER,
                self.url,
                str(self.world),
                f"w{self.hired}",
                str(LEASE),
            ]
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
            self.alive.append(subprocess.Popen(command, env=environment))
            self.names[self.alive[-1].pid] = f"w{self.hired}"

    def kill_one(self) -> None:
        """Kill a worker with -9 and replace it."""
        victim = CHANCE.choice(self.alive)
        victim.kill()
        victim.wait()
        self.fill()

    def end(self) -> None:
        """Kill everybody."""
        for process in self.alive:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@dataclass
class Scene:
    """A database, a world and its workers."""

    database: Database
    world: Path
    crew: Crew
    expected: dict[str, State | None] = field(default_factory=dict)
    frozen: int | None = None

    async def submit(self, count: int) -> None:
        """Ask for operations: half go well, a quarter fails, a quarter is cancelled."""
        made = plan(World(str(self.world)))
        for number in range(count):
            fails, cancelled = number % 4 == 1, number % 4 == 3
            submission = Submission(
                project_id="p",
                subject=f"vm{CHANCE.randrange(SUBJECTS)}",
                title="chaos",
                requested_by="test",
                params={"fails": fails},
            )
            async with self.database.write() as uow:
                operation = await durable.submit(uow, made, submission)
            self.expected[operation] = (
                State.FAILED if fails else None if cancelled else State.SUCCEEDED
            )

    async def cancel_some(self) -> None:
        """Cancel the chosen quarter at random moments; some have ended by then."""
        for operation in [name for name, state in self.expected.items() if state is None]:
            await asyncio.sleep(CHANCE.uniform(0, 0.08))
            with contextlib.suppress(durable.CannotCancelError):
                async with self.database.write() as uow:
                    await durable.request_cancel(uow, operation)

    async def states(self) -> dict[str, str]:
        """Return each operation's state."""
        async with self.database.read() as uow:
            rows = await uow.session.execute(text("select id, state from operation"))
            return {row.id: row.state for row in rows}

    async def all_ended(self, seconds: float) -> dict[str, str]:
        """Wait until every operation ended."""
        deadline = time.monotonic() + seconds
        while True:
            states = await self.states()
            if all(State(state).ended for state in states.values()):
                return states
            assert time.monotonic() < deadline, Counter(states.values())
            await asyncio.sleep(0.2)

    async def freeze(self) -> subprocess.Popen[bytes]:
        """Stop a worker in the middle of its work, but not while it keeps everybody out.

        A process that is stopped inside a transaction on SQLite holds the lock of the whole
        file, and no replacement could do anything at all.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            victim = CHANCE.choice(self.crew.alive)
            owner = self.crew.names[victim.pid]
            if not await self._owns(owner):
                # It may just have been started; stopping that again and again would keep it so.
                continue
            victim.send_signal(signal.SIGSTOP)
            if await self._owns(owner) and self._others_can_write():
                self.frozen = victim.pid
                return victim
            victim.send_signal(signal.SIGCONT)
        states = Counter((await self.states()).values())
        raise AssertionError(f"no worker could be stopped in the middle of its work: {states}")

    async def at_work(self, owner: str) -> None:
        """Wait until a worker has something to do."""
        deadline = time.monotonic() + PATIENCE
        while not await self._owns(owner):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    async def taken_over(self, owner: str) -> None:
        """Wait until others have everything that a worker had."""
        deadline = time.monotonic() + PATIENCE
        while await self._owns(owner):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def _owns(self, owner: str) -> bool:
        query = "select count(*) from operation where owner = :owner and state = 'running'"
        async with self.database.read() as uow:
            return bool(await uow.session.scalar(text(query), {"owner": owner}))

    def _others_can_write(self) -> bool:
        files = [self.world]
        files += [self.world.with_name("stead.db")] if self.database.sqlite else []
        for file in files:
            with contextlib.closing(sqlite3.connect(file, timeout=0.5)) as probe:
                try:
                    probe.execute("begin immediate")
                except sqlite3.OperationalError:
                    return False
        return True

    async def judge(self) -> None:
        """Compare records and world: nothing leaked, overlapped, repeated or ended wrongly."""
        states = await self.states()
        for operation, wanted in self.expected.items():
            right = {wanted} if wanted else {State.CANCELLED, State.SUCCEEDED}
            assert State(states[operation]) in right
        with contextlib.closing(sqlite3.connect(self.world)) as world:
            resources = Counter(row[0] for row in world.execute("select operation from resource"))
            log = list(world.execute("select * from log order by at"))
        assert resources == {name: 6 for name, state in states.items() if state == State.SUCCEEDED}
        log = await self._without_amends(log)
        _no_overlaps(log, states)
        _no_side_by_side(log)
        await self._no_repeats(log)

    async def _without_amends(self, log: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        """Leave out the undo with which the thawed worker makes good what was on its way.

        It comes after its operation has ended undone, takes away only what bears the
        operation's own name, and is the only thing that a worker may do so late.
        """
        async with self.database.read() as uow:
            query = "select id, state, finished_at from operation"
            ends = {
                row.id: (row.state, _seconds(row.finished_at))
                for row in await uow.session.execute(text(query))
            }

        def amends(entry: tuple[object, ...]) -> bool:
            operation, _, what, _, pid, at = entry
            state, ended = ends[str(operation)]
            late = isinstance(at, float) and at > ended and pid == self.frozen
            return late and what == "undo" and state in {State.FAILED, State.CANCELLED}

        return [entry for entry in log if not amends(entry)]

    async def _no_repeats(self, log: list[tuple[object, ...]]) -> None:
        async with self.database.read() as uow:
            query = "select operation_id, step, at from operation_event where kind = 'step'"
            rows = await uow.session.execute(text(query + " and cast(data as text) like '%done%'"))
            done = {(operation, step): at for operation, step, at in rows}
        for operation, number, what, _, _, began in log:
            recorded = done.get((operation, f"s{number}"))
            if what == "do" and recorded is not None:
                assert began <= _seconds(recorded), f"{operation} s{number} ran again"


def _seconds(moment: object) -> float:
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    assert isinstance(parsed, datetime)
    return parsed.replace(tzinfo=UTC).timestamp()


def _no_side_by_side(log: list[tuple[object, ...]]) -> None:
    """Nobody goes on with an operation once another worker has begun to work on it."""
    workers: dict[object, list[object]] = {}
    for operation, _, _, _, pid, _ in log:
        mine = workers.setdefault(operation, [])
        if not mine or mine[-1] != pid:
            assert pid not in mine, f"{pid} came back to {operation} after {mine}"
            mine.append(pid)


def _no_overlaps(log: list[tuple[object, ...]], states: dict[str, str]) -> None:
    spans: dict[object, dict[object, list[object]]] = {}
    for operation, _, _, subject, _, at in log:
        spans.setdefault(subject, {}).setdefault(operation, []).append(at)
    for subject, operations in spans.items():
        order = sorted((min(times), max(times), name) for name, times in operations.items())
        for (_, ended, first), (began, _, second) in itertools.pairwise(order):
            assert ended <= began, f"{first} and {second} overlap on {subject}"
            assert first < second, f"{second} overtook {first} on {subject}"
    assert states


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as running:
        yield running


@contextlib.asynccontextmanager
async def scene(url: str, folder: Path, workers: int) -> AsyncIterator[Scene]:
    database = Database(url, Bus())
    await migrations.upgrade(database)
    async with database.write() as uow:
        for table in ("operation_event", "operation_step", "operation"):
            await uow.session.execute(text(f"delete from {table}"))  # noqa: S608  (our own names)
    world = folder / "world.db"
    with contextlib.closing(sqlite3.connect(world)) as made:
        made.executescript(
            "pragma journal_mode=wal;"
            "create table log (operation, step, what, subject, pid, at);"
            "create table resource (operation, step, primary key (operation, step));"
        )
    crew = Crew(url, world, workers)
    try:
        yield Scene(database, world, crew)
    finally:
        crew.end()
        await database.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_nothing_is_lost_on_sqlite_while_workers_are_killed(tmp_path: Path, workers: int):
    async with scene(sqlite_url(tmp_path / "stead.db"), tmp_path, workers) as stage:
        await _chaos(stage)


async def test_nothing_is_lost_on_postgresql_while_workers_and_server_are_killed(
    tmp_path: Path, server: postgres.Postgres
):
    async with scene(server.url, tmp_path, 2) as stage:
        await _chaos(stage, outage=server)


async def _chaos(stage: Scene, outage: postgres.Postgres | None = None) -> None:
    stage.crew.fill()
    await stage.submit(OPERATIONS)
    cancelling = asyncio.create_task(stage.cancel_some())
    for _ in range(KILLS):
        await asyncio.sleep(CHANCE.uniform(0.3, 1.0))
        stage.crew.kill_one()
    frozen = await stage.freeze()
    await asyncio.sleep(LEASE + 1)
    stage.crew.size += 1
    stage.crew.fill()
    await stage.taken_over(stage.crew.names[frozen.pid])
    frozen.send_signal(signal.SIGCONT)
    await cancelling
    if outage is not None:
        outage.stop()
        await asyncio.sleep(5)
        outage.start()
    await stage.all_ended(90)
    await stage.judge()


async def test_a_dead_workers_operations_are_taken_over_within_lease_and_two_seconds(
    tmp_path: Path,
):
    async with scene(sqlite_url(tmp_path / "stead.db"), tmp_path, 2) as stage:
        stage.crew.fill()
        # Both live and work, so that what is measured is the taking over, not a program's start.
        await stage.submit(OPERATIONS)
        victim, successor = stage.crew.names.values()
        await stage.at_work(successor)
        await stage.at_work(victim)
        stage.crew.alive[0].kill()
        killed = time.monotonic()
        stage.crew.alive[0].wait()
        await stage.taken_over(victim)
        assert time.monotonic() - killed < LEASE + 2
        await stage.all_ended(60)
