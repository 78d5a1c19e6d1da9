"""The database door: engines, units of work and column types, on SQLite and PostgreSQL.

One transaction per request or step: ``Database.write()`` commits when its block ends and
then wakes whoever waits for what it changed. Nobody else commits.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import (
    DateTime,
    Dialect,
    Executable,
    Float,
    MetaData,
    Row,
    TypeDecorator,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine
from typing_extensions import override

from stead.core import postgres, sqlite, sqlite_engine
from stead.core.bus import Bus
from stead.core.db_errors import NO_CONNECTION, ClashError, translate
from stead.core.memory import Memory
from stead.core.notices import announce
from stead.core.turns import Turns

# What copies and migrations are handed; no other module names the library.
Connection = AsyncConnection
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# Marks tables of what lets somebody in for a while: a restore from a copy empties them, for
# what was used, ended or revoked since the copy was taken must not be good again.
SHORT_LIVED: Final = {"info": {"short_lived": True}}


class Base(DeclarativeBase):
    """The one declarative base; each domain maps only its own tables."""

    metadata = MetaData(naming_convention=NAMING)


Function = TypeVar("Function", bound=Callable[..., Any])


def platform_wide(_reason: str) -> Callable[[Function], Function]:
    """Mark a query that means the rows of every project, and say why; see ADR 0006."""
    return lambda function: function


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC timestamp on every database; naive values are refused."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a timestamp needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


class DatabaseNow(FunctionElement[float]):
    """Seconds since 1970 by the database's clock, which all workers share."""

    type: TypeEngine[Any] = Float()
    inherit_cache: bool | None = True


@compiles(DatabaseNow, "sqlite")
def _now_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _now_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    return "cast(extract(epoch from clock_timestamp()) as double precision)"


Found: TypeAlias = Row[*tuple[Any, ...]]
Statement: TypeAlias = tuple[Executable, Mapping[str, Any] | Sequence[Mapping[str, Any]]]


class Uow:
    """One unit of work: a session, and what to wake once it is committed."""

    def __init__(
        self, session: AsyncSession, memory: Memory, part_of: "Uow | None" = None
    ) -> None:
        self.session = session
        self.memory = memory
        self.part_of = part_of
        self.began: int = part_of.began if part_of is not None else memory.tick
        self.topics: list[str] = []
        self.callbacks: list[Callable[[], None]] = []
        self.facts: list[object] = []
        self.is_deed = True

    async def rows(
        self, question: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> list[Found]:
        """Return what a question finds, without objects, which cost more than most questions.

        What objects of this unit have changed and nobody has flushed is not seen.
        """

        def work(session: Session) -> list[Found]:
            return list(session.connection().execute(question, values))

        return await self.session.run_sync(work)

    async def run(self, statements: Sequence[Statement]) -> list[int]:
        """Execute statements one after the other; return how many rows each has changed.

        Doing several together, without objects, costs half of doing each by itself.
        """

        def work(session: Session) -> list[int]:
            connection = session.connection()
            return [connection.execute(what, values).rowcount for what, values in statements]

        return await self.session.run_sync(work) if statements else []

    def wake(self, topic: str) -> None:
        """Publish a topic after the commit."""
        self.topics.append(topic)

    def will_wake(self, topic: str) -> bool:
        """Tell whether this transaction has changed what a topic is about."""
        return topic in self.topics or (self.part_of is not None and self.part_of.will_wake(topic))

    def keep_books(self) -> None:
        """Say that this changes nothing that anybody asked for, such as counting attempts."""
        self.is_deed = False

    def tell(self, fact: object) -> None:
        """Tell what has become true to those who write it down in the same transaction."""
        self.facts.append(fact)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back after the commit; for in-memory state that follows the database."""
        self.callbacks.append(callback)


@dataclass(slots=True)
class _Whole:
    """A unit of work that others of the same task become parts of."""

    database: "Database"
    task: "asyncio.Task[Any] | None"
    uow: Uow
    clashed: bool = False


_whole: ContextVar[_Whole | None] = ContextVar("whole", default=None)


class Database:
    """Opens units of work on SQLite (one writer at a time) or PostgreSQL."""

    def __init__(self, url: str, bus: Bus) -> None:
        self.bus = bus
        self.memory = Memory(bus)
        # Called at the end of every unit of work, inside its transaction.
        self.before_commit: list[Callable[[Uow], Awaitable[None]]] = []
        # Called after those and after the announcements, right before the commit.
        self.at_last: list[Callable[[Uow], Awaitable[None]]] = []
        self.sqlite = url.startswith("sqlite")
        self._turns = Turns()
        if self.sqlite:
            sqlite_engine.make_private(Path(make_url(url).database or ""))
            self._writer = sqlite_engine.create(url, begin="BEGIN IMMEDIATE", size=1, short=True)
            self._reader = sqlite_engine.create(url, begin="BEGIN", size=4, short=False)
        else:
            self._writer, self._reader = postgres.writer(url), postgres.reader(url)
            self._noting = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def engine(self) -> AsyncEngine:
        """Return the engine that migrations run on."""
        return self._writer

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Uow]:
        """Open a unit of work that commits at the end of the block, or rolls back on error.

        On SQLite a task that is cancelled meanwhile is cancelled once the unit has ended.
        """
        whole = self._current_whole()
        if whole is not None:
            async with self._part(whole) as uow:
                yield uow
            return
        with sqlite.uninterrupted():
            async with self._unit() as uow:
                yield uow
            for callback in uow.callbacks:
                callback()
            for topic in uow.topics:
                self.bus.publish(topic)

    @asynccontextmanager
    async def whole(self, *, steady: bool = False) -> AsyncIterator[Uow]:
        """Open a unit of work that every unit this task opens inside becomes a part of.

        A part that fails is taken back alone; the others are committed together at the end.
        With ``steady`` nobody changes in between what was read first. Raises ClashError when
        somebody tried.
        """
        async with self.write() as uow:
            # What the parts do is told by the parts.
            uow.keep_books()
            if steady and not self.sqlite:
                options = {"isolation_level": "REPEATABLE READ"}
                await uow.session.connection(execution_options=options)
            whole = _Whole(self, asyncio.current_task(), uow)
            token = _whole.set(whole)
            try:
                yield uow
            finally:
                _whole.reset(token)
            if whole.clashed:
                raise ClashError("Somebody else changed this at the same moment; try again")

    @asynccontextmanager
    async def note(self) -> AsyncIterator[Uow]:
        """Open a unit of work for a statement that can stand alone, of which nobody is told.

        A server commits each by itself, so that it need not hear of a beginning and an end.
        """
        if self.sqlite or self._current_whole() is not None:
            async with self.write() as uow:
                uow.keep_books()
                yield uow
            return
        try:
            async with self._session(self._noting) as session:
                uow = Uow(session, self.memory)
                uow.keep_books()
                yield uow
                await self._conclude(uow)
        except (DBAPIError, *NO_CONNECTION) as error:
            raise translate(error) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Uow]:
        """Open a unit of work for reading; what it changes is thrown away."""
        whole = self._current_whole()
        if whole is not None:
            yield Uow(whole.uow.session, self.memory, whole.uow)
            return
        try:
            with sqlite.uninterrupted():
                async with self._session(self._reader) as session:
                    yield Uow(session, self.memory)
        except (DBAPIError, *NO_CONNECTION) as error:
            raise translate(error, reading=True) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection that sees one moment of everything, however long it is read."""
        try:
            async with self._reader.connect() as connection:
                if not self.sqlite:
                    # SQLite's transactions are like that by themselves.
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                    await connection.execute(text(postgres.AT_LEISURE))
                yield connection
        except (DBAPIError, *NO_CONNECTION) as error:
            raise translate(error) from error

    @asynccontextmanager
    async def remaking_tables(self) -> AsyncIterator[None]:
        """Let what is written inside drop and remake tables that others refer to.

        SQLite would otherwise refuse, and can be told so only outside of a transaction. Nobody
        else may write meanwhile, and whoever does so checks the references afterwards.
        """
        await self._check_references(on=False)
        try:
            yield
        finally:
            await self._check_references(on=True)

    async def _check_references(self, *, on: bool) -> None:
        if not self.sqlite:
            return
        async with self._writer.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if isinstance(driver, sqlite.Connection):
                await driver.run(False, f"PRAGMA foreign_keys={'on' if on else 'off'}", ())

    async def evict(self, seconds: float = postgres.STILL_SECONDS) -> None:
        """End other processes' transactions that stand still where the server does not see it."""
        if not self.sqlite:
            async with self.read() as uow:
                await uow.session.execute(text(postgres.EVICT), {"seconds": seconds})

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()

    def _current_whole(self) -> _Whole | None:
        """Return what this task's units belong to; those of its children stand alone."""
        whole = _whole.get()
        if whole is None or whole.database is not self:
            return None
        return whole if whole.task is asyncio.current_task() else None

    @asynccontextmanager
    async def _part(self, whole: _Whole) -> AsyncIterator[Uow]:
        uow = Uow(whole.uow.session, self.memory, whole.uow)
        try:
            async with whole.uow.session.begin_nested():
                yield uow
                await self._conclude(uow)
        except (DBAPIError, *NO_CONNECTION) as error:
            found = translate(error)
            whole.clashed = whole.clashed or isinstance(found, ClashError)
            raise found from error
        whole.uow.topics += uow.topics
        whole.uow.callbacks += uow.callbacks

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Uow]:
        try:
            if self.sqlite:
                async with (
                    self._turns,
                    self._session(self._writer) as session,
                    session.begin(),
                ):
                    uow = Uow(session, self.memory)
                    yield uow
                    await self._conclude(uow)
            else:
                async with self._session(self._writer) as session, session.begin():
                    uow = Uow(session, self.memory)
                    yield uow
                    await self._conclude(uow)
        except (DBAPIError, *NO_CONNECTION) as error:
            raise translate(error) from error

    async def _conclude(self, uow: Uow) -> None:
        for write_down in self.before_commit:
            await write_down(uow)
        if not self.sqlite and uow.part_of is None:
            await announce(uow.session, uow.topics)
        for write_down in self.at_last:
            await write_down(uow)

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        session = AsyncSession(engine, expire_on_commit=False)
        try:
            yield session
        finally:
            # Its own exit closes in another task, and a cancellation gets in between.
            await session.close()


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"
