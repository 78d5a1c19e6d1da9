"""A process that stands still inside a transaction, seen from the others."""

import asyncpg
from sqlalchemy import func, select, text, update
from tests.factories.durable import World, submit

from stead.core.db import Database
from stead.core.durable import OperationRow


async def test_what_stands_still_in_the_middle_of_a_statement_is_ended(
    database: Database, database_url: str
):
    operation_id = await submit(database, World().plan())
    if not database.sqlite:
        still = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        await still.execute("begin")
        await still.execute("update operation set title = 'half'")
        # Prepared, and never executed: to the server it is still at work.
        await still.prepare("select title from operation where id = $1")
    await database.evict(0)
    async with database.write() as uow:
        await uow.session.execute(update(OperationRow).values(title="whole"))
    async with database.read() as uow:
        assert (await uow.session.get_one(OperationRow, operation_id)).title == "whole"


async def test_a_copy_that_takes_its_time_is_not_ended(database: Database):
    async with database.snapshot() as connection:
        await connection.execute(select(OperationRow.id))
        if not database.sqlite:
            limit = "show idle_in_transaction_session_timeout"
            assert (await connection.execute(text(limit))).scalar() == "1h"
            raw = await connection.get_raw_connection()
            # Prepared, and not executed yet: to the server it is still at work.
            await raw.driver_connection.prepare("select title from operation")
        await database.evict(0)
        await connection.execute(select(OperationRow.id))
    if not database.sqlite:
        async with database.read() as uow:
            assert await uow.session.scalar(text(limit)) == "10s", "only while it is read"


async def test_who_is_at_work_is_left_alone(database: Database):
    async with database.write() as uow:
        await uow.session.scalar(select(func.count()).select_from(OperationRow))
        await database.evict(0)
        assert await uow.session.scalar(select(func.count()).select_from(OperationRow)) == 0
