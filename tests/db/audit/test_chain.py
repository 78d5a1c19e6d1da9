"""The chain of records: nobody changes, removes, reorders or cuts it unnoticed."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from tests.factories import databases

from stead.audit import public as audit
from stead.audit.heads import EVERY
from stead.core import epoch
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.trail import Deed, Trail, left
from stead.kit import clock


@pytest.fixture
def heads(tmp_path: Path) -> audit.Heads:
    return audit.Heads(tmp_path / "audit.heads")


@pytest.fixture
async def chain(database: Database, heads: audit.Heads) -> Database:
    """Return a database with five records."""
    await write(database, heads, 5)
    return database


async def write(database: Database, heads: audit.Heads, count: int) -> None:
    for number in range(count):
        async with database.write() as uow:
            await audit.append(
                uow, heads, Deed("thing.change", "u1", "Ada", subject=f"t:{number}")
            )


async def judge(database: Database, heads: audit.Heads) -> audit.Verdict:
    async with database.read() as uow:
        return await audit.verify(uow, heads)


async def tamper(database: Database, *statements: str) -> None:
    """Change the trail as somebody does who holds the database: the triggers first."""
    triggers = [f"drop trigger if exists audit_record_{name}" for name in ("update", "delete")]
    if not database.sqlite:
        triggers = ["drop trigger if exists audit_record_only_grows on audit_record"]
    async with database.write() as uow:
        for statement in (*triggers, *statements):
            await uow.session.execute(text(statement))


async def test_a_whole_chain_is_whole(chain: Database, heads: audit.Heads):
    await audit.tell_head(chain, heads)
    verdict = await judge(chain, heads)
    assert (verdict.records, verdict.problems, verdict.notes) == (5, [], [])


async def test_no_trail_at_all_is_whole(database: Database, heads: audit.Heads):
    assert (await judge(database, heads)).problems == []


COLUMNS = {
    "at": "'2020-01-01 00:00:00'",
    "actor_id": "'u2'",
    "actor": "'Eve'",
    "address": "'10.0.0.1'",
    "project_id": "'p'",
    "action": "'other'",
    "subject": "'t:9'",
    "outcome": "'refused'",
    "request_id": "'r'",
    "epoch": "7",
    "previous": "hash",
    "hash": "previous",
}


@pytest.mark.parametrize("column", sorted(COLUMNS))
async def test_a_change_of_any_column_is_found(chain: Database, heads: audit.Heads, column: str):
    change = f"{column} = {COLUMNS[column]}"
    await tamper(chain, f"update audit_record set {change} where seq = 3")  # noqa: S608  (ours)
    problems = (await judge(chain, heads)).problems
    assert any("Record 3 was changed" in one for one in problems)


async def test_a_change_of_the_details_is_found(chain: Database, heads: audit.Heads):
    await tamper(chain, """update audit_record set detail = '{"token": "x"}' where seq = 3""")
    assert (await judge(chain, heads)).problems == ["Record 3 was changed"]


async def test_a_change_with_a_hash_that_fits_breaks_the_chain(
    chain: Database, heads: audit.Heads
):
    await tamper(chain, "update audit_record set hash = replace(hash, '0', '1') where seq = 3")
    problems = (await judge(chain, heads)).problems
    assert "Record 4 does not follow the one before it" in problems


async def test_a_removed_record_is_found(chain: Database, heads: audit.Heads):
    await tamper(chain, "delete from audit_record where seq = 3")
    assert "Records are missing: 3" in (await judge(chain, heads)).problems


async def test_removed_records_at_the_beginning_are_found(chain: Database, heads: audit.Heads):
    await tamper(chain, "delete from audit_record where seq <= 2")
    assert "Records are missing: 1 to 2" in (await judge(chain, heads)).problems


async def test_reordered_records_are_found(chain: Database, heads: audit.Heads):
    await tamper(
        chain,
        "update audit_record set seq = 99 where seq = 2",
        "update audit_record set seq = 2 where seq = 3",
        "update audit_record set seq = 3 where seq = 99",
    )
    problems = (await judge(chain, heads)).problems
    assert {"Record 2 was changed", "Record 3 was changed"} <= set(problems)


async def test_a_cut_tail_is_found_by_the_head(chain: Database, heads: audit.Heads):
    await tamper(chain, "delete from audit_record where seq > 3")
    assert (await judge(chain, heads)).problems == [
        "The end is cut off: there were 5 records, there are 3"
    ]


async def test_a_cut_tail_is_found_by_the_file_though_the_head_was_forged(
    chain: Database, heads: audit.Heads
):
    await audit.tell_head(chain, heads)
    await tamper(
        chain,
        "delete from audit_record where seq > 3",
        "update audit_head set seq = 3, hash = (select hash from audit_record where seq = 3)",
    )
    assert (await judge(chain, heads)).problems == [
        "The end is cut off: record 5 was told, and is gone"
    ]


async def test_a_chain_that_was_written_anew_is_found_by_the_file(
    chain: Database, heads: audit.Heads
):
    await audit.tell_head(chain, heads)
    await tamper(chain, "delete from audit_record", "delete from audit_head")
    await write(chain, heads, 5)
    assert (await judge(chain, heads)).problems == [
        "Record 5 is not the one that was told outside"
    ]


async def test_a_removed_head_is_found(chain: Database, heads: audit.Heads):
    await tamper(chain, "delete from audit_head")
    assert (await judge(chain, heads)).problems == ["The end of the chain is gone"]


async def test_a_file_of_heads_that_was_tampered_with_is_found(
    chain: Database, heads: audit.Heads
):
    await audit.tell_head(chain, heads)
    heads.path.write_text(heads.path.read_text()[:-10])
    assert "line 1 of" in (await judge(chain, heads)).problems[0]


async def test_the_end_is_told_every_hundred_records(database: Database, heads: audit.Heads):
    await write(database, heads, EVERY - 1)
    assert list(heads.read()) == []
    await write(database, heads, EVERY + 1)
    assert [head.seq for head in heads.read()] == [EVERY, 2 * EVERY]
    assert (await judge(database, heads)).problems == []
    heads.path.unlink()
    assert "is missing or empty" in (await judge(database, heads)).problems[0]


async def test_the_database_itself_refuses_changes(chain: Database):
    for statement in ("update audit_record set actor = 'Eve'", "delete from audit_record"):
        with pytest.raises(DBAPIError, match="only grows"):
            async with chain.write() as uow:
                await uow.session.execute(text(statement))


async def test_a_restore_is_a_note_and_no_fault(chain: Database, heads: audit.Heads):
    await audit.tell_head(chain, heads)
    await tamper(
        chain,
        "delete from audit_record where seq > 3",
        "update audit_head set seq = 3, hash = (select hash from audit_record where seq = 3)",
    )
    async with chain.write() as uow:
        await epoch.begin(uow, copy="c", copied_at=clock.utc_now(), after=1)
        await audit.append(uow, heads, Deed("admin.restore"))
    await write(chain, heads, 4)
    verdict = await judge(chain, heads)
    assert verdict.problems == []
    assert verdict.notes == ["Records 4 to 5 of epoch 1 went with a restore"]


async def test_what_is_rolled_back_leaves_no_record(chain: Database, heads: audit.Heads):
    async def change_my_mind() -> None:
        async with chain.write() as uow:
            await audit.append(uow, heads, Deed("thing.change"))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    assert (await judge(chain, heads)).records == 5


async def test_many_writers_make_one_chain(database_file: Path, heads: audit.Heads):
    async def writer() -> None:
        async with databases.opened(database_file) as own:
            await write(own, heads, 10)

    await asyncio.gather(*(writer() for _ in range(4)))
    async with databases.opened(database_file) as database:
        verdict = await judge(database, heads)
    assert (verdict.records, verdict.problems) == (40, [])


async def test_a_deed_is_recorded_once_and_with_its_change(database: Database, heads: audit.Heads):
    audit.attach(database, heads)
    with left(Trail(lambda: Deed("admin.try", actor="root"))):
        for _ in range(2):
            async with database.write():
                pass
    async with database.write():
        pass
    async with database.read() as uow:
        items, _ = await audit.list_(uow, audit.Filters(), 10)
    assert [(one.action, one.actor, one.outcome) for one in items] == [
        ("admin.try", "root", "done")
    ]


async def test_texts_that_no_column_takes_are_cut(database: Database, heads: audit.Heads):
    async with database.write() as uow:
        await audit.append(uow, heads, Deed("a" * 500, actor="\0\ud800" + "é" * 500))
    verdict = await judge(database, heads)
    assert (verdict.records, verdict.problems) == (1, [])


async def test_a_chain_is_whole_whatever_its_records_say(database: Database, heads: audit.Heads):
    odd = 'Zoë "the" \\ one\n\t:b {0} %s $1 日本\u2028\x7f'
    for detail in ({}, {"size": 3, odd: odd}):
        async with database.write() as uow:
            deed = Deed("thing.change", "u1", odd, subject=odd, detail=detail)
            await audit.append(uow, heads, deed, outcome="refused", project_id="p")
    assert (await judge(database, heads)).problems == []
    async with database.read() as uow:
        (newest, _), _ = await audit.list_(uow, audit.Filters(), 10)
    assert (newest.actor, newest.detail) == (odd, {"size": 3, odd: odd})


async def test_the_end_is_held_by_the_last_statement_of_a_deed_alone(
    database: Database, heads: audit.Heads
):
    audit.attach(database, heads)
    await write(database, heads, 1)
    said: list[str] = []
    listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda *given: said.append(given[2].lower()),
    )
    found = Trail(lambda: Deed("thing.change", "u1", "Ada"))
    with left(found):
        async with database.write() as uow:
            uow.wake("somebody")
    assert found.recorded
    held = ["audit_head" in statement for statement in said]
    # A file that only one can write is held from the beginning.
    assert database.sqlite or held == [False] * (len(said) - 1) + [True]


async def test_processes_that_share_a_server_make_one_chain(
    database: Database, database_url: str, heads: audit.Heads
):
    others = [Database(database_url, Bus()) for _ in range(2)]

    async def writer(one: Database) -> None:
        for _ in range(10):
            async with one.write() as uow:
                # Two of one transaction follow each other too.
                await audit.append(uow, heads, Deed("thing.change"))
                await audit.append(uow, heads, Deed("thing.ended"))

    await asyncio.gather(*(writer(one) for one in (database, *others) for _ in range(3)))
    for one in others:
        await one.close()
    verdict = await judge(database, heads)
    assert (verdict.records, verdict.problems) == (180, [])
