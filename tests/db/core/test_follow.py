"""Events: in order, each once, whenever one begins to look."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.factories.durable import Hold, World, ended, events, submit, working

from stead.core import durable
from stead.core.bus import StoppingError
from stead.core.db import Database
from stead.operations import service
from stead.operations.schemas import EventOut


async def collect(stream: AsyncIterator[EventOut | None]) -> list[int]:
    return [event.seq async for event in stream if event is not None]


async def test_numbers_only_grow(database: Database):
    world = World()
    async with working(database, world.plan()):
        ids = [await submit(database, world.plan(), f"thing:{n}") for n in range(4)]
        for one in ids:
            await ended(database, one)
    for one in ids:
        found = [event.seq for event in await events(database, one)]
        assert found == sorted(set(found))
        assert len(found) == 8, "queued, running and done for each of three, succeeded"


async def test_following_from_the_beginning_yields_everything_once(database: Database):
    world = World()
    operation_id = await submit(database, world.plan())
    following = asyncio.create_task(collect(service.follow(database, operation_id, 0)))
    async with working(database, world.plan()):
        seen = await asyncio.wait_for(following, 8)
    assert seen == [event.seq for event in await events(database, operation_id)]


async def test_following_after_any_event_yields_the_rest(database: Database):
    world = World()
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await ended(database, operation_id)
    every = [event.seq for event in await events(database, operation_id)]
    for at in range(len(every)):
        rest = await collect(service.follow(database, operation_id, every[at]))
        assert rest == every[at + 1 :]


async def test_more_events_than_a_page_arrive_complete(database: Database):
    world = World()
    operation_id = await submit(database, world.plan("a"))
    async with database.write() as uow:
        facts = [("log", {"text": str(n)}) for n in range(service.PAGE * 2 + 3)]
        await durable.append_events(uow, operation_id, facts)
    async with working(database, world.plan("a")):
        seen = await asyncio.wait_for(collect(service.follow(database, operation_id, 0)), 8)
    assert seen == [event.seq for event in await events(database, operation_id)]


async def test_an_event_arrives_when_it_is_committed_and_not_by_keepalive(database: Database):
    hold = Hold()
    world = World(script={"do a": [hold]})
    async with working(database, world.plan()):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        stream = service.follow(database, operation_id, 0)
        for _ in await events(database, operation_id):
            await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        async with database.write() as uow:
            await durable.append_event(uow, operation_id, "log", {"text": "now"})
        event = await asyncio.wait_for(waiting, 2)
        assert event is not None
        assert event.data == {"text": "now"}
        hold.release.set()
        await ended(database, operation_id)


async def test_a_quiet_operation_keeps_the_line_alive(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "KEEPALIVE_SECONDS", 0.01)
    operation_id = await submit(database, World().plan())
    stream = service.follow(database, operation_id, 0)
    assert (await anext(stream)) is not None
    assert await anext(stream) is None
    await stream.aclose()


async def test_a_server_that_stops_sends_followers_away_and_they_resume(database: Database):
    operation_id = await submit(database, World().plan())
    stream = service.follow(database, operation_id, 0)
    first = await anext(stream)
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.05)
    database.bus.close()
    with pytest.raises(StoppingError):
        await asyncio.wait_for(waiting, 2)
    again = service.follow(database, operation_id, 0)
    assert await anext(again) == first
    with pytest.raises(StoppingError):
        await anext(again)
