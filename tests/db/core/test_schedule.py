"""Schedules submit once for each tick, and make up once for what was missed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.factories.databases import opened
from tests.factories.durable import World, ended, working

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import Plan, Submission, schedule
from stead.core.durable.schedule import Schedule
from stead.kit import cron
from stead.operations import repository, workflows
from stead.operations.schemas import Wanted

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def nightly(plan: Plan, *, fails: bool = False) -> Schedule:
    async def submit(uow: Uow, key: str) -> None:
        asked = Submission("", "platform:x", "Nightly", "Stead", idempotency_key=key)
        await durable.submit(uow, plan, asked)
        if fails:
            raise ZeroDivisionError

    return Schedule("nightly", cron.parse("0 3 * * *"), submit)


async def made(database: Database) -> list[str]:
    async with database.read() as uow:
        rows = await repository.list_(uow, None, Wanted())
    return [str(row.idempotency_key) for row in rows]


async def test_a_tick_submits_once_and_the_first_look_only_notes_the_time(database: Database):
    one = nightly(World().plan())
    assert not await schedule.submit_due(database, one, MIDNIGHT)
    assert not await schedule.submit_due(database, one, MIDNIGHT + timedelta(hours=2))
    assert await schedule.submit_due(database, one, MIDNIGHT + timedelta(hours=3))
    assert not await schedule.submit_due(database, one, MIDNIGHT + timedelta(hours=4))
    assert await made(database) == ["schedule:nightly:2026-01-01T03:00"]


async def test_ticks_that_were_missed_are_made_up_once(database: Database):
    one = nightly(World().plan())
    await schedule.submit_due(database, one, MIDNIGHT)
    assert await schedule.submit_due(database, one, MIDNIGHT + timedelta(days=9))
    assert not await schedule.submit_due(database, one, MIDNIGHT + timedelta(days=9, hours=1))
    assert len(await made(database)) == 1


async def test_two_processes_submit_a_tick_once(database_file: Path):
    plan = World().plan()
    async with opened(database_file) as one, opened(database_file) as two:
        await schedule.submit_due(one, nightly(plan), MIDNIGHT)
        due = MIDNIGHT + timedelta(hours=5)
        answers = [await schedule.submit_due(d, nightly(plan), due) for d in (one, two)]
        assert answers == [True, False]
        assert len(await made(one)) == 1


async def test_a_tick_whose_submission_fails_comes_again(database: Database):
    plan = World().plan()
    await schedule.submit_due(database, nightly(plan), MIDNIGHT)
    due = MIDNIGHT + timedelta(hours=5)
    try:
        await schedule.submit_due(database, nightly(plan, fails=True), due)
    except ZeroDivisionError:
        assert await made(database) == []
    assert await schedule.submit_due(database, nightly(plan), due)


async def test_the_nightly_purge_is_an_operation_like_any_other(database: Database):
    plan = workflows.purge_plan(database)
    nightly_purge = workflows.purge_schedule(plan)
    await schedule.submit_due(database, nightly_purge, MIDNIGHT)
    assert await schedule.submit_due(database, nightly_purge, MIDNIGHT + timedelta(days=1))
    async with working(database, plan):
        async with database.read() as uow:
            (row,) = await repository.list_(uow, None, Wanted())
        operation = await ended(database, row.id)
    assert (operation.state, operation.requested_by) == ("succeeded", "Stead")
