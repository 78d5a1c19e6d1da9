"""All rows that attacks may not change. Databases tell cheaply that nothing was written at all."""

import sqlite3
from typing import Any, Final, Self

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from stead.core.db import Base, Database

# What attacks may add to or touch, besides nothing at all.
_TRACES: Final = frozenset({"audit_record", "audit_head", "sign_in_failure"})
_TOUCHED: Final = frozenset({"last_used_at", "seen_at"})
_QUERIES: Final = {
    table.name: str(select(*(one for one in table.columns if one.name not in _TOUCHED)))
    for table in Base.metadata.sorted_tables
    if table.name not in _TRACES
}
# PostgreSQL counts the statements that write to these tables; what is taken back counts as well.
_COUNTING: Final = (
    "create sequence attack_writes",
    """create function attack_wrote() returns trigger language plpgsql
       as $$ begin perform nextval('attack_writes'); return null; end $$""",
    *(
        f"""create trigger attack_wrote after insert or update or delete or truncate
            on "{name}" for each statement execute function attack_wrote()"""
        for name in _QUERIES
    ),
)
# All tables in one question: seventy would each cost a journey. It tells a row that was touched
# in another place than before, so each table's rows are put in an order.
_EVERYTHING: Final = " union all ".join(
    f"""select '{name}', coalesce(string_agg(one::text, '|' order by one::text), '')
        from ({query}) one"""  # noqa: S608  (our own table names)
    for name, query in _QUERIES.items()
)
# A sequence that was never asked says what it would after its first time.
_WRITTEN: Final = "select last_value, is_called from attack_writes"
Rows = dict[str, Any]


class Content:
    """What a database contains, read anew only after something was written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: object = None
        self._rows: Rows = {}
        # A connection of our own: SQLite tells each connection of the others' writes.
        path = database.engine.url.database or ""
        self._file = sqlite3.connect(path, isolation_level=None) if database.sqlite else None
        self._server: AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        if self._file is None:
            connection = await self._database.engine.connect()
            self._server = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in _COUNTING:
                await self._server.execute(text(statement))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if self._server is not None:
            await self._server.close()

    async def look(self) -> Rows:
        """Return every row that attacks may not change."""
        written = "pragma data_version" if self._file else _WRITTEN
        version = await self._ask(written)
        if version != self._version:
            self._rows = await self._everything()
            self._version = version
        return self._rows

    async def _everything(self) -> Rows:
        if self._file is None:
            return dict(await self._ask(_EVERYTHING))
        return {name: sorted(await self._ask(query), key=repr) for name, query in _QUERIES.items()}

    async def _ask(self, query: str) -> list[tuple[Any, ...]]:
        if self._file is not None:
            return self._file.execute(query).fetchall()
        assert self._server is not None
        return [(*row,) for row in await self._server.execute(text(query))]
