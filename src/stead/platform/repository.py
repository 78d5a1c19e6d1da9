"""All SQL of copies: every row of every table as lines of JSON, and back, on any database.

Tables are read as the database describes them, not as this version maps them, so that a copy
made before an upgrade is loaded into the schema that it was made with.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stead.core.db import Base, Uow
from stead.core.epoch import PlatformRow
from stead.platform.errors import CopyDamagedError

BATCH: Final = 500
_VERSION: Final = "alembic_version"
Cell: TypeAlias = "str | int | float | bool | list[Any] | dict[str, Any] | None"


async def revision(connection: AsyncConnection) -> str:
    """Return the schema's revision; empty where there is no schema."""
    if _VERSION not in await _names(connection):
        return ""
    query = text("select version_num from alembic_version")
    return str(await connection.scalar(query) or "")


async def tables(connection: AsyncConnection) -> MetaData:
    """Return the tables as the database describes them."""
    found = MetaData()
    await connection.run_sync(found.reflect)
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                # Else nothing would become the JSON text "null".
                column.type = JSON(none_as_null=True)
    return found


def content(found: MetaData) -> list[Table]:
    """Return the tables that hold data, each after those that it refers to."""
    return [table for table in found.sorted_tables if table.name != _VERSION]


async def lines(connection: AsyncConnection, table: Table) -> AsyncIterator[str]:
    """Yield the names of a table's columns, then its rows, each as one line of JSON."""
    columns = list(table.columns)
    yield json.dumps([column.name for column in columns])
    writers = [_writer(column) for column in columns]
    order = list(table.primary_key.columns)
    query = select(table).order_by(*order).limit(BATCH)
    rows = (await connection.execute(query)).all()
    while rows:
        for row in rows:
            cells = [write(value) for write, value in zip(writers, row, strict=True)]
            yield json.dumps(cells, ensure_ascii=False, allow_nan=False)
        last = rows[-1]._mapping  # noqa: SLF001  (its documented name)
        after = tuple_(*order) > tuple_(*(literal(last[c.name], c.type) for c in order))
        rows = (await connection.execute(query.where(after))).all()


async def load(connection: AsyncConnection, table: Table, source: Iterable[bytes]) -> int:
    """Insert rows from lines; return how many. Raises CopyDamagedError."""
    try:
        return await _load(connection, table, iter(source))
    except (ValueError, KeyError, TypeError, IntegrityError, DataError) as error:
        raise CopyDamagedError(f"The copy's rows of {table.name} cannot be read") from error


async def _load(connection: AsyncConnection, table: Table, wanted: Iterator[bytes]) -> int:
    names = json.loads(next(wanted, b"[]"))
    readers = [(name, _reader(table.columns[name])) for name in names]
    batch: list[dict[str, Any]] = []
    number = 0
    for line in wanted:
        cells = json.loads(line)
        batch.append({n: read(cell) for (n, read), cell in zip(readers, cells, strict=True)})
        number += 1
        if len(batch) == BATCH:
            await connection.execute(insert(table), batch)
            batch = []
    if batch:
        await connection.execute(insert(table), batch)
    return number


async def forget_short_lived(uow: Uow) -> None:
    """Empty the tables of what lets somebody in for a while."""
    for table in Base.metadata.sorted_tables[::-1]:
        if table.info.get("short_lived"):
            await uow.session.execute(delete(table))


async def set_sequences(connection: AsyncConnection) -> None:
    """Let PostgreSQL number new rows after those that brought their numbers along."""
    if connection.dialect.name != "postgresql":
        return
    for table in content(await tables(connection)):
        counter = table.autoincrement_column
        if counter is None or counter.server_default is None:
            continue
        last = await connection.scalar(select(func.max(counter)))
        if last is not None:
            name = func.pg_get_serial_sequence(table.name, counter.name)
            await connection.execute(select(func.setval(name, last)))


async def known_platform(connection: AsyncConnection) -> tuple[str, int]:
    """Return name and epoch of the platform that a database holds; ("", 0) for none."""
    if PlatformRow.__tablename__ not in await _names(connection):
        return "", 0
    row = (await connection.execute(select(PlatformRow.name, PlatformRow.epoch))).first()
    return (str(row[0]), int(row[1])) if row is not None else ("", 0)


async def others_at_work(connection: AsyncConnection) -> int:
    """Return how many other connections PostgreSQL has to this database."""
    query = (
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() "
        "and backend_type = 'client backend'"
    )
    return int(await connection.scalar(text(query)) or 0)


async def put_aside(connection: AsyncConnection, name: str) -> int:
    """Move PostgreSQL's tables into another schema, where they stay; return how many."""
    present = await _names(connection)
    if not present:
        return 0
    quote = connection.dialect.identifier_preparer.quote
    await connection.execute(text(f"create schema {quote(name)}"))
    for table in present:
        await connection.execute(text(f"alter table {quote(table)} set schema {quote(name)}"))
    # What triggers call lies beside the tables.
    functions = (
        "select oid::regprocedure::text from pg_proc"
        " where pronamespace = current_schema::regnamespace"
    )
    for function in (await connection.scalars(text(functions))).all():
        await connection.execute(text(f"alter function {function} set schema {quote(name)}"))
    return len(present)


async def _names(connection: AsyncConnection) -> list[str]:
    """Return the names of the tables, without what takes long to find: how they are made."""
    return await connection.run_sync(lambda it: inspect(it).get_table_names())


def _writer(column: Column[Any]) -> Callable[[Any], Cell]:
    if isinstance(column.type, DateTime):
        return lambda value: value.isoformat() if value is not None else None
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64encode(value).decode() if value is not None else None
    return lambda value: value


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, DateTime):
        return lambda cell: datetime.fromisoformat(cell) if cell is not None else None
    if isinstance(column.type, LargeBinary):
        return lambda cell: base64.b64decode(cell) if cell is not None else None
    return lambda cell: cell
