"""Operations that were open when the platform was restored from a copy."""

import pytest
from tests.factories.durable import World, ended, events, look, submit, working

from stead.core import durable
from stead.core.db import Database
from stead.core.durable import interrupted
from stead.platform.repository import set_sequences


async def test_nothing_that_was_open_resumes_by_itself(database: Database):
    world = World()
    open_ids = [await submit(database, world.plan(), f"thing:{n}") for n in range(3)]
    async with database.write() as uow:
        running = await uow.session.get_one(durable.OperationRow, open_ids[1])
        running.state, running.owner = durable.State.RUNNING, "dead"
        undoing = await uow.session.get_one(durable.OperationRow, open_ids[2])
        undoing.state, undoing.owner = durable.State.UNDOING, "dead"
        assert await interrupted.interrupt_all(uow) == 3
    async with working(database, world.plan()):
        marker = await submit(database, world.plan(), "thing:new")
        await ended(database, marker)
    assert {call for call in world.calls if "do" in call} == {"do a", "do b", "do c"}
    assert len(world.calls) == 3
    for operation_id in open_ids:
        operation = await look(database, operation_id)
        assert (operation.state, operation.ended) == ("interrupted", True)
        assert operation.error
        assert operation.error["code"] == interrupted.CODE


async def test_events_after_a_restore_come_later_than_any_that_a_reader_saw(database: Database):
    world = World()
    operation_id = await submit(database, world.plan())
    before = (await events(database, operation_id))[-1].seq
    async with database.write() as uow:
        await interrupted.interrupt_all(uow)
        await set_sequences(await uow.session.connection())
    async with database.write() as uow:
        await interrupted.take_back(uow, operation_id, "Ada")
    later = [event.seq for event in await events(database, operation_id)][1:]
    assert later == sorted(later)
    assert later[0] >= before + 1_000_000


async def test_undo_takes_back_also_what_the_copy_says_has_not_begun(database: Database):
    world = World(things={"thing:1/a", "thing:1/b", "thing:1/c"})
    operation_id = await submit(database, world.plan())
    async with database.write() as uow:
        await interrupted.interrupt_all(uow)
        await interrupted.take_back(uow, operation_id, "Ada")
    async with working(database, world.plan()):
        operation = await ended(database, operation_id)
    assert world.calls == ["undo c", "undo b", "undo a"]
    assert (operation.state, world.things) == ("failed", set())


async def test_a_decision_is_taken_once_and_can_be_asked_for_again(database: Database):
    operation_id = await submit(database, World().plan())
    async with database.write() as uow:
        with pytest.raises(interrupted.NotInterruptedError):
            await interrupted.take_back(uow, operation_id, "Ada")
        await interrupted.interrupt_all(uow)
        await interrupted.settle(uow, operation_id, "adopt", "Ada", "x" * 26)
        with pytest.raises(interrupted.NotInterruptedError):
            await interrupted.take_back(uow, operation_id, "Bob")
        assert await interrupted.list_interrupted(uow) == []
        await interrupted.reopen(uow, operation_id)
        assert [row.id for row in await interrupted.list_interrupted(uow)] == [operation_id]
