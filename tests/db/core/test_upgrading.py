"""Databases of earlier releases, with data in them, arrive at the newest schema whole.

``releases/NNNN.json`` holds what a platform of that revision had stored: the names of each
table's columns, then its rows, as copies have them.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.factories import databases

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database
from stead.platform import repository

RELEASES = sorted(Path(__file__).with_name("releases").glob("*.json"))
# What a migration empties on purpose: browsers sign in again.
FORGOTTEN = {"0001": {"session"}}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
async def test_an_earlier_release_is_upgraded_with_its_data(target_url: str, release: Path):
    stored = _stored(release)
    database = Database(target_url, Bus())
    async with database.remaking_tables(), database.write() as uow:
        connection = await uow.session.connection()
        await migrations.upgrade_to(connection, release.stem)
        for table in repository.content(await repository.tables(connection)):
            lines = [json.dumps(line).encode() for line in stored[table.name]]
            assert await repository.load(connection, table, lines) == len(lines) - 1
    await migrations.upgrade(database)
    found = await databases.values(database)
    await database.close()
    kept = set(stored) - FORGOTTEN.get(release.stem, set())
    assert {name: len(found[name]) for name in kept} == {
        name: len(stored[name]) - 1 for name in kept
    }


async def test_a_migration_that_loses_what_others_refer_to_changes_nothing(
    target_url: str,
):
    if not target_url.startswith("sqlite"):
        return  # PostgreSQL looks at every statement
    release = RELEASES[0]
    database = Database(target_url, Bus())
    async with database.remaking_tables(), database.write() as uow:
        connection = await uow.session.connection()
        await migrations.upgrade_to(connection, release.stem)
        for table in repository.content(await repository.tables(connection)):
            lines = [json.dumps(line).encode() for line in _stored(release)[table.name]]
            await repository.load(connection, table, lines)
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
