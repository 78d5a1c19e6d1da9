"""SQLite connections, and units of work that a cancelled task does not leave half-way.

A connection lives in a thread of its own, and a task that stops waiting for it does not
stop it: a transaction may begin that nobody ends, and everybody else waits for its lock.
So cancellations are held back until a unit of work has ended, which is never long.
The way to the thread and back costs more than most statements, and a busy loop makes it
wait, so most do not take it: only waiting for the writer's lock and for the disk does, and
a question that turns out to be long, which is asked there a second time.
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

from typing_extensions import override

from stead.kit import clock

LOCK_SECONDS: Final = 30.0
TURN_MS: Final = 10
# A question that takes more of SQLite's instructions than this, about a millisecond, is long.
BRIEF: Final = 30_000
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
        await connection.open(
            partial(sqlite3.connect, path, isolation_level=None, timeout=0, **options)
        )
        opened = True
    finally:
        if not opened:
            connection.stop()
    return connection


class Connection:
    """A connection as SQLAlchemy's adapter wants it; sees every call through.

    ``begin`` is the statement that opens the next transaction. It goes along with the first
    statement inside, so that a unit of work which does nothing costs nothing. A connection
    with ``short`` statements runs them right here; others only what proves to be brief.
    """

    def __init__(self) -> None:
        self.begin = ""
        self.short = False
        self._hurried = False
        self._changes = 0
        # The adapter looks at this to know whether the connection is open.
        self._connection: sqlite3.Connection | None = None
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # A kill must not wait for it.
        Thread(target=_serve, args=(self._calls,), daemon=True).start()

    async def open(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Connect; raises sqlite3.Error."""
        self._connection = await self._call(connector)
        self._connection.set_progress_handler(lambda: self._hurried, BRIEF)

    def cursor(self) -> "Cursor":
        """Return a cursor, which costs nothing until it executes."""
        return Cursor(self)

    async def commit(self) -> None:
        """Commit what was begun."""
        if self._nothing_begun():
            return
        if self._opened.total_changes == self._changes:
            self._opened.commit()  # has nothing to write
        else:
            await self._call(self._opened.commit)

    async def rollback(self) -> None:
        """Take back what was begun."""
        if not self._nothing_begun():
            self._opened.rollback()

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
        if begin:
            self._changes = self._opened.total_changes
            if _begins_at_once(self._opened, begin):
                begin = ""
        work = partial(_run, self._opened, many, sql, parameters)
        if self.short and not begin:
            return work()
        if not begin and _asks(sql) and (answer := self._in_passing(work)) is not None:
            return answer
        return await self._call(partial(_patiently, self._opened, begin, work))

    def _in_passing(self, ask: Callable[[], "_Answer"]) -> "_Answer | None":
        """Answer a question at once, or give up when it is long."""
        self._hurried = True
        try:
            return ask()
        except sqlite3.OperationalError as error:
            if not _is(error, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
                raise
            return None
        finally:
            self._hurried = False

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("connection closed")
        return self._connection

    def _nothing_begun(self) -> bool:
        self.begin = ""
        return not self._opened.in_transaction

    async def _call(self, function: Callable[[], Result]) -> Result:
        future: Firm[Result] = Firm(loop=asyncio.get_running_loop())
        self._calls.put((future, function))
        return await see_through(future)


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
    many: bool,  # noqa: FBT001  (passed on by partial)
    sql: str,
    parameters: Any,  # noqa: ANN401  (the DBAPI's own shape)
) -> _Answer:
    cursor = (connection.executemany if many else connection.execute)(sql, parameters)
    return cursor, cursor.fetchall() if cursor.description else []


def _patiently(connection: sqlite3.Connection, begin: str, work: Callable[[], Result]) -> Result:
    """Do something in a transaction, waiting for locks; only a thread of its own may do so."""
    try:
        if begin:
            _begin(connection, begin)
        connection.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000:.0f}")
        return work()
    finally:
        connection.execute("PRAGMA busy_timeout=0")


def _begins_at_once(connection: sqlite3.Connection, begin: str) -> bool:
    try:
        connection.execute(begin)
    except sqlite3.OperationalError as error:
        if not _is(error, sqlite3.SQLITE_BUSY):
            raise
        return False
    return True


def _begin(connection: sqlite3.Connection, begin: str) -> None:
    """Ask for the lock again and again: SQLite's own waiting looks ever more rarely.

    It ends at a look each 100 ms, and a busy process hardly lets go for a tenth of that.
    """
    deadline = clock.monotonic() + LOCK_SECONDS
    connection.execute(f"PRAGMA busy_timeout={TURN_MS}")
    while not _begins_at_once(connection, begin):
        if clock.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")


def _is(error: sqlite3.OperationalError, *codes: int) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


def _asks(sql: str) -> bool:
    """Tell whether a statement changes nothing; one that does must not be given up half-way."""
    return sql.lstrip()[:6].upper() == "SELECT"


class Firm(asyncio.Future[Result]):
    """A result that comes whatever becomes of who waits for it.

    A task that is cancelled meanwhile gets to know of it only once the result is here.
    """

    @override
    def cancel(self, msg: object = None) -> bool:
        return False


async def see_through(work: "Firm[Result]") -> Result:
    """Return a firm result, or raise the cancellation that came meanwhile once it is here."""
    cancelled: asyncio.CancelledError | None = None
    try:
        await work
    except asyncio.CancelledError as error:
        cancelled = error
    except Exception:  # noqa: BLE001, S110  (raised below)
        pass
    if cancelled is not None:
        current = asyncio.current_task()
        if current is None or current not in _held:
            work.exception()  # told to nobody: whoever asked has gone
            raise cancelled
        _held[current].append(cancelled)
    return work.result()
