"""Databases of the current schema, made by copying one that was migrated once."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import select, text
from tests.support.postgres import Postgres

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Base, Database, Uow, sqlite_url


def make_template(path: Path) -> Path:
    """Migrate an empty database and leave it in one closed file."""

    async def migrate() -> None:
        database = Database(sqlite_url(path), Bus())
        await migrations.upgrade(database)
        await database.close()

    _run(migrate())
    return path


def _run(work: Coroutine[None, None, None]) -> None:
    """Run something to its end, though the test that asks has a loop of its own running."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


TEMPLATE = "stead_template"


def make_postgres_template(server: Postgres) -> None:
    """Create a database of the current schema to copy from."""

    async def migrate() -> None:
        await command(server, f"create database {TEMPLATE}")
        database = Database(server.url_of(TEMPLATE), Bus())
        await migrations.upgrade(database)
        await database.close()

    _run(migrate())


async def copy_postgres(server: Postgres, name: str, template: str = TEMPLATE) -> None:
    """Create a database like the template, or ``template0`` for an empty one."""
    await command(server, f"create database {name} template {template} strategy file_copy")


async def drop_postgres(server: Postgres, name: str) -> None:
    """Delete a database, whoever still holds it."""
    await command(server, f"drop database {name} with (force)")


async def command(server: Postgres, text: str) -> None:
    """Run a statement outside of transactions."""
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def stored(database: Database) -> bytes:
    """Return everything that is stored: all of SQLite's files, all rows of PostgreSQL."""
    if database.sqlite:
        return bytes_on_disk(Path(database.engine.url.database or ""))
    return repr(await rows(database)).encode()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    """Open a database file as another process would: with connections and a bus of its own."""
    database = Database(sqlite_url(path), Bus())
    try:
        yield database
    finally:
        await database.close()


def copy(template: Path, folder: Path) -> Path:
    """Return a fresh database file."""
    return Path(shutil.copy(template, folder / "stead.db"))


@contextmanager
def rehearsed(database: Database) -> Iterator[None]:
    """Let a database forget what is written, so that one caller's deed is not the next one's."""

    async def forget(uow: Uow) -> None:
        await uow.session.flush()
        await uow.session.rollback()
        # Nothing was written, so nobody is woken; PostgreSQL would be told in this transaction.
        uow.topics.clear()

    database.at_last.append(forget)
    try:
        yield
    finally:
        database.at_last.remove(forget)


async def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table that has any."""
    found = {}
    async with database.read() as uow:
        for table in Base.metadata.sorted_tables:
            answer = await uow.session.execute(text(f'select * from "{table.name}"'))  # noqa: S608  (our own table names)
            content = [tuple(row) for row in answer]
            if content:
                found[table.name] = content
    return found


async def values(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row as Python values, which are the same on every database."""
    found = {}
    async with database.read() as uow:
        for table in Base.metadata.sorted_tables:
            answer = await uow.session.execute(select(table).order_by(*table.primary_key))
            content = [tuple(row) for row in answer]
            if content:
                found[table.name] = content
    return found


def bytes_on_disk(path: Path) -> bytes:
    """Return everything that lies in the database file and beside it (WAL)."""
    return b"".join(part.read_bytes() for part in sorted(path.parent.glob(path.name + "*")))
