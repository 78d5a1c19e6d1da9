"""Units of work: all or nothing, one writer at a time, wake-ups after the commit."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from tests.factories.databases import opened

from stead.core.bus import Bus
from stead.core.db import Database, DatabaseNow, sqlite_url
from stead.core.db_errors import DatabaseUnavailableError
from stead.identity.models import ProjectRow
from stead.kit import clock, ids

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def project(name: str, at: datetime = NOON) -> ProjectRow:
    return ProjectRow(id=ids.new_id(), name=name, created_at=at)


async def add(database: Database, name: str) -> None:
    async with database.write() as uow:
        uow.session.add(project(name))


async def names(database: Database) -> set[str]:
    async with database.read() as uow:
        return set(await uow.session.scalars(text("select name from project")))


async def test_what_a_block_wrote_is_there_after_it(database: Database):
    await add(database, "a")
    assert await names(database) == {"a"}


async def test_an_error_leaves_nothing_and_wakes_nobody(database: Database):
    called: list[str] = []
    before = database.bus.version("topic")

    async def fail() -> None:
        async with database.write() as uow:
            uow.session.add(project("a"))
            await uow.session.flush()
            uow.wake("topic")
            uow.after_commit(lambda: called.append("called"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await names(database), called) == (set(), [])
    assert database.bus.version("topic") == before


async def test_those_who_wait_are_woken_when_the_change_can_be_seen(database: Database):
    seen: list[set[str]] = []
    version = database.bus.version("topic")

    async def wait() -> None:
        assert await database.bus.changed("topic", version, 5)
        seen.append(await names(database))

    waiting = asyncio.create_task(wait())
    async with database.write() as uow:
        uow.session.add(project("a"))
        uow.wake("topic")
        await uow.session.flush()
        assert database.bus.version("topic") == version, "woken before the commit"
    await waiting
    assert seen == [{"a"}]


async def test_a_commit_that_fails_wakes_nobody(database: Database):
    await add(database, "a")
    version = database.bus.version("topic")

    async def duplicate() -> None:
        async with database.write() as uow:
            uow.session.add(project("a"))
            uow.wake("topic")

    with pytest.raises(IntegrityError):
        await duplicate()
    assert database.bus.version("topic") == version
    await add(database, "b")


async def test_what_is_not_committed_is_not_read(database: Database):
    async with database.write() as uow:
        uow.session.add(project("a"))
        await uow.session.flush()
        assert await names(database) == set()
    assert await names(database) == {"a"}


@pytest.mark.sqlite
async def test_a_reader_keeps_seeing_what_it_saw_first(database: Database):
    async with database.read() as uow:
        query = text("select count(*) from project")
        assert await uow.session.scalar(query) == 0
        await add(database, "a")
        assert await uow.session.scalar(query) == 0


async def test_what_a_reader_changes_is_thrown_away_or_refused(database: Database):
    # PostgreSQL's readers open no transaction that could be rolled back, so they may not write.
    outcome = (
        contextlib.nullcontext()
        if database.sqlite
        else pytest.raises(DBAPIError, match="read-only")
    )
    with outcome:
        async with database.read() as uow:
            uow.session.add(project("a"))
            await uow.session.flush()
    assert await names(database) == set()
    await add(database, "b")


async def _count_up(database: Database) -> None:
    async with database.write() as uow:
        found = await uow.session.scalar(text("select max(version) from edge_snapshot"))
        await asyncio.sleep(0)
        values = {"n": (found or 0) + 1}
        await uow.session.execute(text("insert into edge_snapshot values (:n, :n)"), values)


@pytest.mark.sqlite
async def test_writers_take_turns_and_lose_no_update(database: Database):
    await asyncio.gather(*(_count_up(database) for _ in range(20)))
    async with database.read() as uow:
        assert await uow.session.scalar(text("select max(version) from edge_snapshot")) == 20


async def test_writers_of_two_processes_take_turns_too(database_file: Path):
    async with opened(database_file) as one, opened(database_file) as two:
        await asyncio.gather(*(_count_up(d) for _ in range(8) for d in (one, two)))
        async with one.read() as uow:
            assert await uow.session.scalar(text("select max(version) from edge_snapshot")) == 16


@pytest.mark.sqlite
async def test_writers_that_are_cancelled_anywhere_leave_a_working_database(database: Database):
    async def write(name: str) -> None:
        async with database.write() as uow:
            uow.wake(name)
            uow.session.add(project(name))
            await uow.session.flush()
            await uow.session.scalar(text("select count(*) from project"))

    for steps in range(60):
        task = asyncio.create_task(write(f"p{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    async with asyncio.timeout(5):
        await add(database, "last")
    written = await names(database)
    woken = {f"p{n}" for n in range(60) if database.bus.version(f"p{n}")}
    assert written == woken | {"last"}, "what was committed was told, and nothing else"


@pytest.mark.sqlite
async def test_a_cancellation_takes_effect_when_the_unit_has_ended(database: Database):
    begun = asyncio.Event()
    after: list[str] = []

    async def write() -> None:
        async with database.write() as uow:
            uow.session.add(project("a"))
            begun.set()
            for _ in range(50):
                await uow.session.scalar(text("select count(*) from project"))
        after.append("went on")

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert (task.cancelled(), after, await names(database)) == (True, [], {"a"})


async def test_a_time_limit_around_a_unit_still_says_so(database: Database):
    async def slow() -> None:
        async with asyncio.timeout(0.02), database.write() as uow:
            while not asyncio.current_task().cancelling():
                await uow.session.scalar(text("select count(*) from project"))
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await slow()
    await add(database, "a")


async def test_readers_that_are_cancelled_anywhere_leave_a_working_database(database: Database):
    for steps in range(40):
        tasks = [asyncio.create_task(names(database)) for _ in range(6)]
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        await asyncio.gather(*(names(database) for _ in range(12)))


async def test_times_come_back_aware_and_in_utc(database: Database):
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    async with database.write() as uow:
        uow.session.add(row := project("a", NOON.astimezone(elsewhere)))
    async with database.read() as uow:
        found = await uow.session.get_one(ProjectRow, row.id)
    assert (found.created_at, found.created_at.tzinfo) == (NOON, UTC)


async def test_times_without_a_zone_are_refused(database: Database):
    async def write() -> None:
        async with database.write() as uow:
            uow.session.add(project("a", NOON.replace(tzinfo=None)))

    with pytest.raises(StatementError, match="time zone"):
        await write()
    assert await names(database) == set()


async def test_the_database_tells_the_time(database: Database):
    async with database.read() as uow:
        said = await uow.session.scalar(select(DatabaseNow()))
    assert abs(said - clock.utc_now().timestamp()) < 5


async def test_foreign_keys_hold(database: Database):
    async def write() -> None:
        async with database.write() as uow:
            await uow.session.execute(
                text("insert into membership values ('nobody', 'nowhere', 'owner')")
            )

    with pytest.raises(IntegrityError):
        await write()


async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    database = Database(sqlite_url(tmp_path / "missing" / "stead.db"), Bus())
    for opening in (database.read, database.write):
        with pytest.raises(DatabaseUnavailableError) as caught:
            async with opening() as uow:
                await uow.session.scalar(text("select 1"))
        assert caught.value.retryable, "a step may try again"
    await database.close()


async def test_a_writer_is_let_in_between_those_of_a_busy_process(database_file: Path):
    """Looks for the lock stay frequent, however long the wait has been."""
    async with opened(database_file) as busy, opened(database_file) as other:
        ready, written = asyncio.Event(), 0

        async def hog() -> None:
            nonlocal written
            while not ready.is_set():
                await _count_up(busy)
                written += 1

        hogs = [asyncio.create_task(hog()) for _ in range(4)]
        for _ in range(5):
            await _count_up(other)
        ready.set()
        await asyncio.gather(*hogs)
        async with other.read() as uow:
            found = await uow.session.scalar(text("select max(version) from edge_snapshot"))
    assert found == written + 5


async def test_a_unit_that_does_nothing_takes_no_lock(database_file: Path):
    async with opened(database_file) as one, opened(database_file) as two, one.write():
        await add(two, "a")
        assert await names(two) == {"a"}
