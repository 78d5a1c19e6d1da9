"""The database is full, read-only or gone: nothing acknowledged is lost, work resumes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from sqlalchemy import exc, insert, text
from tests.factories.databases import command
from tests.factories.durable import Hold, World, ended, submit, working
from tests.factories.platform import Platform
from tests.support.postgres import Postgres

from stead.core.authz import Actor, Role
from stead.core.db import Database
from stead.core.db_errors import DatabaseUnavailableError
from stead.core.durable import EventRow
from stead.kit import clock

Trouble = Callable[[], AbstractAsyncContextManager[None]]
BODY = {"app": "redis", "project": "main"}


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


async def _pragma(database: Database, setting: str) -> None:
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        # Without a transaction: beginning one is what a read-only database refuses.
        driver.begin = ""
        await driver.run(False, f"pragma {setting}", ())


@asynccontextmanager
async def _full(database: Database) -> AsyncIterator[None]:
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("create table filler (content)")
        await connection.commit()
        pages = (await connection.exec_driver_sql("pragma page_count")).scalar()
    await _pragma(database, f"max_page_count={pages}")
    for size in (1000, 20):
        # Otherwise a request may still fit into the pages that there are.
        with pytest.raises(DatabaseUnavailableError):
            await _fill(database, size)
    yield
    await _pragma(database, "max_page_count=1000000000")


async def _fill(database: Database, size: int) -> None:
    """Write until nothing more fits, which raises DatabaseUnavailableError."""
    while True:
        async with database.write() as uow:
            row = text("insert into filler values (zeroblob(:size))")
            await uow.session.execute(row, {"size": size})


@asynccontextmanager
async def _read_only(database: Database) -> AsyncIterator[None]:
    await _pragma(database, "query_only=1")
    yield
    await _pragma(database, "query_only=0")


@asynccontextmanager
async def _gone(server: Postgres) -> AsyncIterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@asynccontextmanager
async def _refusing_writes(server: Postgres, database: Database) -> AsyncIterator[None]:
    """Let sessions that begin only read, as those of a standby do; end those that there are."""
    name = database.engine.url.database or ""
    await command(server, f"alter database {name} set default_transaction_read_only = on")
    end = "select pg_terminate_backend(pid) from pg_stat_activity where datname"
    await command(server, f"{end} = '{name}'")
    yield
    await command(server, f"alter database {name} set default_transaction_read_only = off")


@pytest.fixture(params=["full or gone", "read-only"])
def trouble(request: pytest.FixtureRequest, kind: str, database: Database) -> Trouble:
    """Return what takes the database away for a while."""
    if kind == "postgresql":
        server = request.getfixturevalue("postgresql")
        # A disk that is full would take a mount of its own, which takes root; what PostgreSQL
        # then says is looked at in the unit test of core.db_errors.
        if request.param == "read-only":
            return lambda: _refusing_writes(server, database)
        return lambda: _gone(server)
    if request.param == "full or gone":
        return lambda: _full(database)
    return lambda: _read_only(database)


async def test_writers_are_told_when_to_try_again_and_nothing_acknowledged_is_lost(
    platform: Platform, owner: Actor, trouble: Trouble
):
    token = await platform.token(owner)
    async with platform.api(token) as api:
        accepted = [(await api.post("/api/v1/deployments", json=BODY)).json()]
        async with trouble():
            refused = [await api.post("/api/v1/deployments", json=BODY) for _ in range(5)]
        for answer in refused:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["code"] == "database.unavailable"
        accepted.append((await api.post("/api/v1/deployments", json=BODY)).json())
        found = {row["id"] for row in (await api.get("/api/v1/deployments")).json()}
    assert found == {row["deployment_id"] for row in accepted}


@pytest.mark.timeout(90)
async def test_an_operation_that_could_not_be_recorded_is_finished_later(
    database: Database, trouble: Trouble
):
    world = World(script={"do b": [hold := Hold()]})
    async with working(database, world.plan(), lease_seconds=2):
        operation_id = await submit(database, world.plan())
        await hold.reached.wait()
        async with trouble():
            if database.sqlite:
                await _use_up(database)
            hold.release.set()
        operation = await ended(database, operation_id, 60)
    assert (operation.state, world.things) == (
        "succeeded",
        {"thing:1/a", "thing:1/b", "thing:1/c"},
    )


async def _use_up(database: Database) -> None:
    """Fill the pages that a full database has; a read-only one refuses at once."""
    for _ in range(200):
        try:
            async with database.write() as uow:
                row = {"operation_id": "x", "at": clock.utc_now(), "kind": "log"}
                await uow.session.execute(insert(EventRow), [row | {"data": {"x": "x" * 2000}}])
        except DatabaseUnavailableError:
            return


async def test_who_gets_no_connection_in_time_is_told_to_come_back(platform: Platform):
    for opened in (platform.database.read, platform.database.write):
        with pytest.raises(DatabaseUnavailableError):
            async with opened():
                raise exc.TimeoutError("QueuePool limit reached")
