"""Limits, invitations and lockout on PostgreSQL: processes that really work at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.factories.platform import Platform, make_platform
from tests.support import postgres

from stead import migrations
from stead.core.authz import Actor, Role
from stead.core.bus import Bus
from stead.core.db import Database
from stead.identity import limits, lockout, members, projects
from stead.identity.errors import (
    ArchivedError,
    LastOwnerError,
    LimitReachedError,
    LinkUsedError,
    StillUsedError,
    TooManyAttemptsError,
)
from stead.identity.rules import Resource

pytestmark = pytest.mark.timeout(180)
Work = Callable[[Database], Awaitable[object]]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as server:
        database = Database(server.url, Bus())
        await migrations.upgrade(database)
        try:
            yield await make_platform(database, tmp_path)
        finally:
            await database.close()


async def at_once(platform: Platform, works: list[Work]) -> list[type]:
    """Do all of it at the same time, each in a connection of its own; return how each ended."""

    async def guarded(work: Work) -> object:
        return await work(platform.database)

    got = await asyncio.gather(*map(guarded, works), return_exceptions=True)
    return [type(one) for one in got]


async def test_the_last_free_place_is_taken_once(platform: Platform):
    main, root = await platform.project("main"), await platform.person("root", admin=True)
    async with platform.database.write() as uow:
        await limits.set_limits(uow, root, main, {Resource.CORES: 5})

    def take(number: int) -> Work:
        async def work(database: Database) -> None:
            async with database.write() as uow:
                await limits.reserve(uow, f"deployment:{number}", main, {Resource.CORES: 1})

        return work

    ended = await at_once(platform, [take(number) for number in range(20)])
    assert ended.count(LimitReachedError) == 15
    async with platform.database.read() as uow:
        used = {one.resource: one.used for one in await limits.list_use(uow, root, main)}
    assert used[Resource.CORES] == 5


async def test_nothing_begins_in_a_project_that_is_being_archived(platform: Platform):
    root = await platform.person("root", admin=True)
    for turn in range(10):
        project = await platform.project(f"p{turn}")

        async def archive(database: Database, project: str = project) -> None:
            async with database.write() as uow:
                await projects.archive_project(uow, root, project)

        async def begin(database: Database, project: str = project) -> None:
            async with database.write() as uow:
                await limits.reserve(uow, project, project, {Resource.CORES: 1})

        ended = await at_once(platform, [archive, begin])
        assert sorted(one.__name__ for one in ended) in (
            sorted([type(None).__name__, ArchivedError.__name__]),
            sorted([type(None).__name__, StillUsedError.__name__]),
        )


async def test_two_owners_who_leave_at_once_do_not_both_leave(platform: Platform):
    main = await platform.project("main")
    owners = [await platform.person(name, **{main: Role.OWNER}) for name in ("ada", "bob")]

    def leave(actor: Actor) -> Work:
        async def work(database: Database) -> None:
            async with database.write() as uow:
                await members.leave(uow, actor, main)

        return work

    ended = await at_once(platform, [leave(one) for one in owners])
    assert ended.count(LastOwnerError) == 1


async def test_an_invitation_is_used_once(platform: Platform):
    main = await platform.project("main")
    ada = await platform.person("ada", **{main: Role.OWNER})
    people = [await platform.person(f"p{number}") for number in range(8)]
    async with platform.database.write() as uow:
        token = (await members.invite(uow, ada, main, Role.VIEWER)).token

    def accept(actor: Actor) -> Work:
        async def work(database: Database) -> None:
            async with database.write() as uow:
                await members.accept_invitation(uow, actor.user_id, token)

        return work

    ended = await at_once(platform, [accept(one) for one in people])
    assert ended.count(LinkUsedError) == 7


async def test_attempts_at_once_are_all_counted(platform: Platform):
    async def attempt(database: Database) -> None:
        await lockout.admit(database, "ada", "203.0.113.1")

    ended = await at_once(platform, [attempt] * 30)
    assert (ended.count(type(None)), ended.count(TooManyAttemptsError)) == (5, 25)
