"""SQLite connections, and units of work that a cancelled task does not leave half-way.

A connection lives in a thread of its own, and a task that stops waiting for it does not
stop it: a transaction may begin that nobody ends, and everybody else waits for its lock.
So cancellations are held back until a unit of work has ended, which is never long.
The way to the thread and back costs more than most statements, so each goes there once,
with its rows fetched, and takes the beginning of the transaction along. The writer's
statements, which are short, do not go there at all: only waiting for its lock and for the
disk does.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Self, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from stead.kit import clock

LOCK_SECONDS: Final = 30.0
TURN_MS: Final = 10
_held: WeakKeyDictionary["asyncio.Task[Any]", list[asyncio.CancelledError]] = WeakKeyDictionary()
Result = TypeVar("Result")
_Call: TypeAlias = "tuple[asyncio.Future[Any], Callable[[], Any]] | None"


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a cancellation of this task take effect only when the block has ended."""
    task = asyncio.current_task()
    if task is None or task in _held:
        yield
        return
    held = _held[task] = []
    try:
        yield
    finally:
        del _held[task]
        if held:
            raise held[0]


async def connect(path: str, **options: Any) -> "Connection":  # noqa: ANN401  (sqlite3's own options)
    """Open a connection; SQLAlchemy calls this with what it would give to the driver."""
    connection = Connection()
    opened = False
    try:
        await connection.open(partial(sqlite3.connect, path, isolation_level=None, **options))
        opened = True
    finally:
        if not opened:
            connection.stop()
    return connection


class Connection:
    """A connection as SQLAlchemy's adapter wants it; sees every call through.

    ``begin`` is the statement that opens the next transaction. It goes along with the first
    statement inside, so that a unit of work which does nothing costs nothing. A connection
    with ``short`` statements runs them right here.
    """

    def __init__(self) -> None:
        self.begin = ""
        self.short = False
        # The adapter looks at this to know whether the connection is open.
        self._connection: sqlite3.Connection | None = None
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # A kill must not wait for it.
        Thread(target=_serve, args=(self._calls,), daemon=True).start()

    async def open(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Connect; raises sqlite3.Error."""
        self._connection = await self._call(connector)

    def cursor(self) -> "Cursor":
        """Return a cursor, which costs nothing until it executes."""
        return Cursor(self)

    async def commit(self) -> None:
        """Commit what was begun."""
        if not self._nothing_begun():
            await self._call(self._opened.commit)

    async def rollback(self) -> None:
        """Take back what was begun."""
        if not self._nothing_begun():
            await self._call(self._opened.rollback)

    async def close(self) -> None:
        """Close the connection and end its thread."""
        if self._connection is not None:
            try:
                await self._call(self._connection.close)
            finally:
                self.stop()

    def stop(self) -> None:
        """End the thread without waiting for it."""
        self._connection = None
        self._calls.put(None)

    async def create_function(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (sqlite3's own)
        """Add a function to SQL."""
        await self._call(partial(self._opened.create_function, *args, **options))

    async def run(self, many: bool, sql: str, parameters: Any) -> "_Answer":  # noqa: ANN401, FBT001  (of many kinds)
        """Execute a statement, after what begins its transaction, and fetch everything."""
        begin, self.begin = self.begin, ""
        if self.short and (not begin or _begins_at_once(self._opened, begin)):
            return _run(self._opened, "", many, sql, parameters)
        return await self._call(partial(_run, self._opened, begin, many, sql, parameters))

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("connection closed")
        return self._connection

    def _nothing_begun(self) -> bool:
        self.begin = ""
        return not self._opened.in_transaction

    async def _call(self, function: Callable[[], Result]) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._calls.put((future, function))
        return await _see_through(future)


_Answer: TypeAlias = tuple[sqlite3.Cursor, list[Any]]


class Cursor:
    """What SQLAlchemy's adapter wants of a cursor; the rows are here once it executed."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute one statement."""
        self._cursor, self._rows = await self._connection.run(False, sql, parameters)

    async def executemany(self, sql: str, parameters: Sequence[Any]) -> None:
        """Execute a statement for each set of parameters."""
        self._cursor, self._rows = await self._connection.run(True, sql, parameters)

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget what was fetched; the statement itself ended when it was."""
        self._rows = []

    @property
    def description(self) -> Any:  # noqa: ANN401  (the DBAPI's own shape)
        """Return the columns, or None for a statement without rows."""
        return None if self._cursor is None else self._cursor.description

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        return -1 if self._cursor is None else self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Return the key of the row that was inserted last."""
        return None if self._cursor is None else self._cursor.lastrowid


def _serve(calls: "SimpleQueue[_Call]") -> None:
    while (call := calls.get()) is not None:
        future, function = call
        tell: Callable[[], None]
        try:
            tell = partial(_answer, future, function())
        except Exception as error:  # noqa: BLE001  (the caller gets whatever it is)
            tell = partial(_fail, future, error)
        # Whoever asked may have gone, and its loop with it.
        with suppress(RuntimeError):
            future.get_loop().call_soon_threadsafe(tell)


def _answer(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _run(
    connection: sqlite3.Connection,
    begin: str,
    many: bool,  # noqa: FBT001  (passed on by partial)
    sql: str,
    parameters: Any,  # noqa: ANN401  (the DBAPI's own shape)
) -> _Answer:
    if begin and not _begins_at_once(connection, begin):
        _begin(connection, begin)
    cursor = (connection.executemany if many else connection.execute)(sql, parameters)
    return cursor, cursor.fetchall() if cursor.description else []


def _begins_at_once(connection: sqlite3.Connection, begin: str) -> bool:
    try:
        connection.execute(begin)
    except sqlite3.OperationalError as error:
        if not _is_busy(error):
            raise
        return False
    return True


def _begin(connection: sqlite3.Connection, begin: str) -> None:
    """Ask for the lock again and again: SQLite's own waiting looks ever more rarely.

    It ends at a look each 100 ms, and a busy process hardly lets go for a tenth of that.
    """
    deadline = clock.monotonic() + LOCK_SECONDS
    (usual,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout={TURN_MS}")
    try:
        _insist(connection, begin, deadline)
    finally:
        connection.execute(f"PRAGMA busy_timeout={usual}")


def _insist(connection: sqlite3.Connection, begin: str, deadline: float) -> None:
    while True:
        try:
            connection.execute(begin)
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or clock.monotonic() > deadline:
                raise
        else:
            return


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


async def _see_through(work: "asyncio.Future[Result]") -> Result:
    cancelled: list[asyncio.CancelledError] = []
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled.append(error)
    current = asyncio.current_task()
    if cancelled and (current is None or current not in _held):
        work.exception()  # told to nobody: whoever asked has gone
        raise cancelled[0]
    if current is not None and cancelled:
        _held[current] += cancelled
    return work.result()
