"""What several tasks want written in the same moment: one commit, and each its own outcome."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from tests.factories.databases import opened
from tests.factories.durable import World, ended, stop, submit

from stead.core import turns
from stead.core.bus import StoppingError
from stead.core.db import Database, Uow
from stead.core.db_errors import DatabaseUnavailableError
from stead.core.durable import OperationEnded, Worker, store
from stead.core.durable.store import LIMIT, Entry, FencedError, Hand
from stead.core.together import MOST, Together


class Writing:
    """Writes keys down, and notes which came in one unit of work."""

    def __init__(self) -> None:
        self.units: list[list[str]] = []
        self.begun = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()
        self.error: Exception | None = None

    async def __call__(self, uow: Uow, keys: Sequence[str]) -> None:
        self.units.append(list(keys))
        await uow.run([(insert(LIMIT), [{"key": key, "size": 1} for key in keys])])
        self.begun.set()
        await self.hold.wait()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def holding(writing: Writing) -> AsyncIterator[None]:
    """Let a first unit wait while others come, and go on in the end."""
    writing.hold.clear()
    yield
    writing.hold.set()


async def _keys(database: Database) -> set[str]:
    async with database.read() as uow:
        return set(await uow.session.scalars(select(LIMIT.c.key)))


async def _outcomes(work: Sequence["asyncio.Task[None]"]) -> list[type[BaseException] | None]:
    found = await asyncio.gather(*work, return_exceptions=True)
    return [type(one) if one is not None else None for one in found]


async def test_what_comes_in_the_same_moment_is_committed_at_once(database_file: Path):
    writing = Writing()
    async with opened(database_file) as database:
        together = Together(database, writing)
        await asyncio.gather(*(together.put(f"k{number}") for number in range(MOST + 3)))
        assert len(await _keys(database)) == MOST + 3
    assert [len(unit) for unit in writing.units] == [MOST, 3]


async def test_what_comes_while_others_are_written_is_written_next(database_file: Path):
    writing = Writing()
    async with opened(database_file) as database:
        together = Together(database, writing)
        async with holding(writing):
            first = asyncio.create_task(together.put("first"))
            await writing.begun.wait()
            others = [asyncio.create_task(together.put(key)) for key in "abc"]
            await asyncio.sleep(0)
        await asyncio.gather(first, *others)
    assert writing.units == [["first"], ["a", "b", "c"]]


async def test_what_was_put_is_there_for_everybody(database: Database):
    together = Together(database, Writing())
    await asyncio.gather(*(together.put(key) for key in "abc"))
    assert await _keys(database) == {"a", "b", "c"}


async def test_an_error_is_told_only_to_the_one_whose_it_is(database: Database):
    together = Together(database, Writing())
    await together.put("taken")
    keys = ["a", "taken", "b"]
    found = await _outcomes([asyncio.create_task(together.put(key)) for key in keys])
    assert [one is None for one in found] == [True, False, True]
    assert await _keys(database) == {"taken", "a", "b"}


async def test_without_a_database_everybody_is_told_and_the_next_may_try(database_file: Path):
    writing = Writing()
    async with opened(database_file) as database:
        together = Together(database, writing)
        writing.error = DatabaseUnavailableError("gone")
        found = await _outcomes([asyncio.create_task(together.put(key)) for key in "abc"])
        assert found == [DatabaseUnavailableError] * 3
        assert await _keys(database) == set()
        writing.error = None
        await together.put("a")
        assert await _keys(database) == {"a"}


async def test_one_that_is_cancelled_meanwhile_learns_of_it_once_it_is_written(
    database_file: Path,
):
    writing = Writing()
    async with opened(database_file) as database:
        together = Together(database, writing)
        async with holding(writing):
            task = asyncio.create_task(together.put("a"))
            await writing.begun.wait()
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        assert await _outcomes([task]) == [asyncio.CancelledError]
        assert await _keys(database) == {"a"}


async def test_nobody_waits_for_ever_when_the_loop_ends(database_file: Path):
    writing = Writing()
    async with opened(database_file) as database:
        together = Together(database, writing)
        before = asyncio.all_tasks()
        async with holding(writing):
            tasks = [asyncio.create_task(together.put(key)) for key in "ab"]
            await writing.begun.wait()
            late = asyncio.create_task(together.put("late"))
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - before - {*tasks, late}:
                task.cancel()
        assert await _outcomes([*tasks, late]) == [StoppingError] * 3


async def test_what_a_worker_in_the_background_records_lets_others_go_first(database: Database):
    seen: list[bool] = []

    async def note(uow: Uow) -> None:
        if any(isinstance(fact, OperationEnded) for fact in uow.facts):
            seen.append(turns.background.get())

    database.before_commit.append(note)
    worker = Worker(database, [World().plan()], owner="one")

    async def work() -> None:
        turns.background.set(True)
        await worker.run(alone=True)

    operation_id = await submit(database, World().plan())
    task = asyncio.create_task(work())
    await ended(database, operation_id)
    await stop(task)
    assert seen == [True]


async def test_one_that_lost_its_claim_writes_nothing_and_the_others_do(database: Database):
    world = World()
    hand = Hand("one", 60, [world.plan().key])
    for number in range(3):
        await submit(database, world.plan(), f"thing:{number}")
    async with database.write() as uow:
        claims = await store.claim(uow, hand, most=3)
    lost = store.Claim(claims[1].operation_id, hand, claims[1].fence - 1)
    journal = Together(database, store.record)
    entries = [Entry(one, facts=[(None, "log", {})]) for one in (claims[0], lost, claims[2])]
    found = await _outcomes([asyncio.create_task(journal.put(one)) for one in entries])
    assert found == [None, FencedError, None]
    async with database.read() as uow:
        query = select(store.events.EVENT.c.operation_id).filter_by(kind="log")
        told = list(await uow.session.scalars(query))
    assert set(told) == {claims[0].operation_id, claims[2].operation_id}


@pytest.mark.parametrize("most", [1, 3])
async def test_a_worker_claims_as_many_at_once_as_it_has_room_for(database: Database, most: int):
    world = World()
    for number in range(4):
        await submit(database, world.plan(), f"thing:{number // 2}")
    async with database.write() as uow:
        claims = await store.claim(uow, Hand("one", 60, [world.plan().key]), most=most)
        again = await store.claim(uow, Hand("two", 60, [world.plan().key]), most=3)
    assert len(claims) == min(most, 2), "one of each subject"
    assert len(again) == 2 - len(claims)


async def test_what_a_worker_runs_takes_no_room_from_what_it_could_claim(database: Database):
    world = World()
    hand = Hand("one", 60, [world.plan().key])
    for number in range(3):
        await submit(database, world.plan(), f"thing:{number}")
    async with database.write() as uow:
        mine = [one.operation_id for one in await store.claim(uow, hand, most=2)]
        last = [one.operation_id for one in await store.claim(uow, hand, most=2)]
        await store.abandon_all(uow)
    async with database.write() as uow:
        claims = await store.claim(uow, hand, mine, most=1)
        assert [one.operation_id for one in claims] == last
        assert await store.claim(uow, hand, [*mine, *last], most=3) == []
