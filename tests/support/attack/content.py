"""All rows that attacks may not change. Databases tell cheaply that nothing was written at all."""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import select, text

from stead.core.db import Base, Database

# What attacks may add to or touch, besides nothing at all.
_TRACES: Final = frozenset({"audit_record", "audit_head", "sign_in_failure"})
_TOUCHED: Final = frozenset({"last_used_at", "seen_at"})
_QUERIES: Final = {
    table.name: str(select(*(one for one in table.columns if one.name not in _TOUCHED)))
    for table in Base.metadata.sorted_tables
    if table.name not in _TRACES
}
_VERSIONS: Final = {
    "sqlite": "pragma data_version",
    # Whatever writes takes a number; the one to come is the same while nobody does.
    "postgresql": "select pg_snapshot_xmax(pg_current_snapshot())::text",
}
Rows = dict[str, list[tuple[Any, ...]]]


class Content:
    """What a database contains, read anew only after something was written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: object = None
        self._rows: Rows = {}
        # A connection of our own: SQLite tells each connection of the others' writes.
        path = database.engine.url.database or ""
        self._own = sqlite3.connect(path, isolation_level=None) if database.sqlite else None

    async def look(self) -> Rows:
        """Return every row that attacks may not change."""
        version = await self._ask(_VERSIONS["sqlite" if self._own else "postgresql"])
        if version != self._version:
            # PostgreSQL tells a row that was touched in another place than before.
            self._rows = {
                name: sorted(await self._ask(query), key=repr) for name, query in _QUERIES.items()
            }
            self._version = version
        return self._rows

    def close(self) -> None:
        """Close the connection."""
        if self._own is not None:
            self._own.close()

    async def _ask(self, query: str) -> list[tuple[Any, ...]]:
        if self._own is not None:
            return self._own.execute(query).fetchall()
        async with self._database.engine.connect() as connection:
            found: Iterable[Any] = await connection.execute(text(query))
            return [tuple(row) for row in found]
