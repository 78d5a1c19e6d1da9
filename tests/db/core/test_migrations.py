"""The migrations make exactly the tables that the code maps."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.engine.interfaces import ReflectedIndex
from tests.factories.databases import opened, rows

from stead import migrations
from stead.core.db import Base, Database


async def test_a_migrated_database_equals_the_models(database: Database):
    def differences(connection: Connection) -> list[object]:
        # PostgreSQL has no equality of JSON, which comparing its defaults takes.
        defaults = connection.dialect.name == "sqlite"
        options = {"compare_type": True, "compare_server_default": defaults}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        missing = await connection.run_sync(differences)
    assert missing == [], "the models say more than the migrations: run make migration"


async def test_upgrading_again_changes_nothing(database: Database):
    async with database.engine.connect() as connection:
        before = await connection.run_sync(_schema)
    await migrations.upgrade(database)
    await migrations.upgrade(database)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_schema) == before
    assert await rows(database) == {}


async def test_an_empty_database_arrives_at_the_newest_schema(tmp_path: Path):
    async with opened(tmp_path / "new.db") as database:
        await migrations.upgrade(database)
        async with database.engine.connect() as connection:
            current = await connection.run_sync(
                lambda c: MigrationContext.configure(c).get_current_revision()
            )
    assert current == ScriptDirectory(str(migrations.MIGRATIONS)).get_current_head()


def test_history_is_one_line():
    script = ScriptDirectory(str(migrations.MIGRATIONS))
    assert len(script.get_heads()) == 1
    assert [r.revision for r in script.walk_revisions() if r.is_branch_point] == []


def _schema(connection: Connection) -> list[tuple[object, ...]]:
    found = inspect(connection)
    return [
        (table, str(found.get_columns(table)), [_index(one) for one in found.get_indexes(table)])
        for table in found.get_table_names()
    ]


def _index(found: ReflectedIndex) -> tuple[object, ...]:
    options = found.get("dialect_options", {})
    # A condition is an object that is another one each time.
    return found["name"], found["column_names"], {name: str(one) for name, one in options.items()}
