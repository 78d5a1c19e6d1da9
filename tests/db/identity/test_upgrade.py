"""A database from before accounts and limits keeps what is in it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from tests.factories.databases import opened

from stead import migrations
from stead.core.db import Database
from stead.identity import limits, projects, public as identity
from stead.identity.rules import Resource
from stead.kit import ids

BEFORE = "0006"
FILLERS = {"VARCHAR": "x", "JSON": "{}", "BOOLEAN": 0, "INTEGER": 0, "FLOAT": 0.0}
MOMENT = "2026-01-01 00:00:00.000000"


def upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, BEFORE)


def insert(connection: Connection, table: str, **values: object) -> None:
    """Insert a row; columns that are not named get something of their type."""
    row = {}
    for _, name, kind, needed, default, _ in connection.exec_driver_sql(
        f'pragma table_info("{table}")'
    ):
        if needed and default is None:
            row[name] = FILLERS.get(kind.partition("(")[0], MOMENT)
    row |= values
    columns, slots = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(text(f'insert into "{table}" ({columns}) values ({slots})'), row)  # noqa: S608  (our own tables)


def fill(connection: Connection) -> None:
    insert(connection, "user_account", id="u", name="ada", admin=1)
    insert(connection, "project", id="p", name="main")
    insert(connection, "membership", user_id="u", project_id="p", role="owner")
    token = {"token_hash": ids.token_hash("stt_old"), "expires_at": "2999-01-01 00:00:00.000000"}
    insert(connection, "api_token", id="t", user_id="u", **token)
    insert(connection, "session", token_hash="s", user_id="u")
    insert(connection, "cluster", id="c")
    insert(connection, "network", id="n", project_id="p", cluster_id="c")
    shape = {"cores": 2, "memory_mb": 2048, "disk_gb": 20}
    here = {"project_id": "p", "cluster_id": "c", "network_id": "n"}
    insert(connection, "instance", id="i", **here, **shape)
    insert(connection, "deployment", id="d", project_id="p", instance_id="i")
    insert(connection, "route", id="r", owner="d")


async def old(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.run_sync(upgrade)
        await connection.run_sync(fill)
        await connection.commit()


async def test_projects_tokens_and_what_is_in_use_are_carried_over(tmp_path: Path):
    async with opened(tmp_path / "stead.db") as database:
        await old(database)
        await migrations.upgrade(database)
        async with database.read() as uow:
            actor = await identity.find_actor_by_token(uow, "stt_old")
            assert actor is not None
            assert (actor.admin, dict(actor.projects)) == (True, {"p": "owner"})
            found = await projects.get_project(uow, actor, "p")
            assert (found.organisation, found.archived) == ("default", False)
            used = {one.resource: one.used for one in await limits.list_use(uow, actor, "p")}
    assert used == {
        Resource.INSTANCES: 1,
        Resource.CORES: 2,
        Resource.MEMORY: 2048,
        Resource.DISK: 20,
        Resource.ADDRESSES: 1,
        Resource.ROUTES: 1,
        Resource.SNAPSHOTS: 0,
    }
