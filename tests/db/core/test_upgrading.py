"""Databases of earlier releases, with data in them, arrive at the newest schema whole.

``releases/NNNN.json`` holds what a platform of that revision had stored: the names of each
table's columns, then its rows, as copies have them.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database
from stead.platform import repository

RELEASES = sorted(Path(__file__).with_name("releases").glob("*.json"))
# What migrations change on purpose in what was stored; all else stays as it was.
_SESSION = {"token_hash", "user_id", "created_at", "expires_at"}
CHANGED = {
    # Browsers sign in again, and snapshots for edges are of the platform's epoch.
    "0001": {"edge_snapshot.epoch", *(f"session.{name}" for name in _SESSION)},
}
Columns = dict[str, list[str]]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
async def test_an_earlier_release_is_upgraded_with_its_data(target_url: str, release: Path):
    database = Database(target_url, Bus())
    before = await _restored(database, release)
    await migrations.upgrade(database)
    async with database.read() as uow:
        after = await _columns(await uow.session.connection())
    await database.close()
    changed = {column for column, values in before.items() if after.get(column) != values}
    assert changed == CHANGED.get(release.stem, set())


def test_every_release_has_something_in_every_table():
    """A migration of an empty table proves nothing about what is stored."""
    for release in RELEASES[1:]:
        assert [name for name, lines in _stored(release).items() if len(lines) == 1] == []


async def _restored(database: Database, release: Path) -> Columns:
    """Make a database of a release, and return what it holds."""
    stored = _stored(release)
    async with database.remaking_tables(), database.write() as uow:
        connection = await uow.session.connection()
        await migrations.upgrade_to(connection, release.stem)
        for table in repository.content(await repository.tables(connection)):
            lines = [json.dumps(line).encode() for line in stored[table.name]]
            assert await repository.load(connection, table, lines) == len(lines) - 1
        return await _columns(connection)


async def _columns(connection: AsyncConnection) -> Columns:
    """Return each column's values in the order of the table's key, as copies have them."""
    found = {}
    for table in repository.content(await repository.tables(connection)):
        lines = [json.loads(line) async for line in repository.lines(connection, table)]
        names, *rows = lines
        for at, name in enumerate(names):
            found[f"{table.name}.{name}"] = [row[at] for row in rows]
    return found


@pytest.mark.sqlite
async def test_a_migration_that_loses_what_others_refer_to_changes_nothing(target_url: str):
    """PostgreSQL looks at every statement; SQLite only at the end of a migration."""
    release = RELEASES[0]
    database = Database(target_url, Bus())
    await _restored(database, release)
    async with database.remaking_tables(), database.write() as uow:
        await uow.session.execute(text("delete from project"))
    with pytest.raises(migrations.DanglingReferenceError, match="refers to nothing"):
        await migrations.upgrade(database)
    async with database.read() as uow:
        revision = await repository.revision(await uow.session.connection())
    with pytest.raises(IntegrityError):
        async with database.write() as uow:
            await uow.session.execute(text("delete from user_account"))
    await database.close()
    assert revision == release.stem


def _stored(release: Path) -> dict[str, list[list[object]]]:
    found: dict[str, list[list[object]]] = json.loads(release.read_text())
    return found
