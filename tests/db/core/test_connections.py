"""Connections to a PostgreSQL: asked for nothing that is known, replaced when they have gone."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from stead.core import epoch, notices, postgres
from stead.core.db import Database

pytestmark = pytest.mark.postgresql
ONE = text("select 1")
# Returns none once they have ended, which takes them a moment.
END_OTHERS = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def _said(database: Database) -> list[str]:
    """Return a list to which is added what the writing connection says besides statements."""
    said: list[str] = []
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, asyncpg.Connection)
        driver.add_query_logger(lambda query: said.append(query.query.split()[0].rstrip(";")))
    return said


async def _write(database: Database) -> None:
    async with database.write() as uow:
        assert await uow.session.scalar(ONE) == 1
    # Loggers are called in the next turn.
    await asyncio.sleep(0)


async def test_a_connection_in_use_is_only_asked_what_there_is_to_ask(database: Database):
    said = await _said(database)
    await _write(database)
    await _write(database)
    assert said == ["BEGIN", "COMMIT"] * 2


async def test_what_stands_alone_needs_neither_beginning_nor_end(database: Database):
    said = await _said(database)
    async with database.note() as uow:
        await epoch.ensure(uow)
    async with database.read() as uow:
        assert (await epoch.ensure(uow)).epoch == epoch.FIRST
    await _write(database)
    assert said == ["BEGIN", "COMMIT"], "and the next unit is a transaction again"


async def test_one_that_lay_unused_is_asked_whether_it_is_still_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    said = await _said(database)
    monkeypatch.setattr(postgres, "FRESH_SECONDS", 0.0)
    await _write(database)
    assert said == ["BEGIN", "", "ROLLBACK", "BEGIN", "COMMIT"]


async def test_those_that_the_server_ended_are_replaced(
    database: Database, other: asyncpg.Connection
):
    for _ in range(2):
        await _write(database)
        async with database.read() as uow:
            assert await uow.session.scalar(ONE) == 1
        while await other.fetchval(END_OTHERS):
            await other.execute("select pg_sleep(0.01)")


async def test_all_topics_of_a_transaction_are_announced_at_once(
    database: Database, other: asyncpg.Connection
):
    heard: asyncio.Queue[object] = asyncio.Queue()
    await other.add_listener(notices.CHANNEL, lambda *told: heard.put_nowait(told[3]))
    said = await _said(database)
    async with database.write() as uow:
        for topic in ("one", "two", "it's {3}", "one"):
            uow.wake(topic)
    assert [await heard.get() for _ in range(3)] == ["one", "two", "it's {3}"]
    # Loggers are called in the next turn.
    await asyncio.sleep(0)
    assert said == ["BEGIN", "COMMIT"]
    assert heard.empty()
