"""Questions to SQLite are answered at once when they are brief, and beside the loop when not."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.factories import databases

from stead.core.bus import Bus
from stead.core.db import Database

MANY = 400_000
LONG = text(
    "select count(*) from (with recursive n(i) as "
    "(select 1 union all select i + 1 from n where i < :many) select i from n)"
).bindparams(many=MANY)
WRITE = text("update edge_snapshot set version = version + 1")
READ = text("select version from edge_snapshot")
pytestmark = pytest.mark.sqlite


async def test_a_long_question_does_not_hold_up_the_others(database: Database):
    async with database.read() as uow:
        await uow.session.scalar(text("select 1"))
        asked = asyncio.create_task(uow.session.scalar(LONG))
        turns = 0
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        assert await asked == MANY
    assert turns > 10, "others had their turns"


async def test_a_brief_question_needs_no_turn_of_the_loop(database: Database):
    async with database.read() as uow:
        await uow.session.scalar(text("select 1"))
        asked = asyncio.create_task(uow.session.scalar(text("select 2")))
        await asyncio.sleep(0)
        assert asked.done()
        assert asked.result() == 2


async def test_a_question_that_was_put_again_sees_the_same_moment(database_file: Path):
    one, two = (Database(databases.sqlite_url(database_file), Bus()) for _ in range(2))
    async with one.read() as uow:
        before = await uow.session.scalar(READ)
        async with two.write() as other:
            await other.session.execute(WRITE)
        assert await uow.session.scalar(LONG) == MANY
        assert await uow.session.scalar(READ) == before
    for each in (one, two):
        await each.close()
