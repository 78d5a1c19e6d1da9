"""The audit trail on PostgreSQL: writers that really run at once make one chain."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.support import postgres

from stead import migrations
from stead.audit import public as audit
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.trail import Deed


@pytest.fixture
def url() -> Iterator[str]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as server:
        yield server.url


async def write(url: str, heads: audit.Heads, count: int) -> None:
    database = Database(url, Bus())
    try:
        await asyncio.gather(*(one(database, heads) for _ in range(count)))
    finally:
        await database.close()


async def one(database: Database, heads: audit.Heads) -> None:
    async with database.write() as uow:
        await audit.append(uow, heads, Deed("thing.change", actor="Ada"))


@pytest.mark.timeout(120)
async def test_many_writers_make_one_chain_that_only_grows(url: str, tmp_path: Path):
    heads = audit.Heads(tmp_path / "audit.heads")
    database = Database(url, Bus())
    await migrations.upgrade(database)
    await asyncio.gather(*(write(url, heads, 60) for _ in range(4)))
    async with database.read() as uow:
        verdict = await audit.verify(uow, heads)
    assert (verdict.records, verdict.problems) == (240, [])
    assert [head.seq for head in heads.read()] == [100, 200]
    for statement in ("update audit_record set actor = 'Eve'", "truncate audit_record"):
        with pytest.raises(DBAPIError, match="only grows"):
            async with database.write() as uow:
                await uow.session.execute(text(statement))
    async with database.write() as uow:
        await uow.session.execute(text("alter table audit_record disable trigger user"))
        await uow.session.execute(text("update audit_record set actor = 'Eve' where seq = 7"))
    async with database.read() as uow:
        verdict = await audit.verify(uow, heads)
    assert verdict.problems == ["Record 7 was changed"]
    await database.close()
