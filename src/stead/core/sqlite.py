"""SQLite connections, and units of work that a cancelled task does not leave half-way.

A connection lives in a thread of its own, and a task that stops waiting for it does not
stop it: a transaction may begin that nobody ends, and everybody else waits for its lock.
So cancellations are held back until a unit of work has ended, which is never long.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import aiosqlite
from typing_extensions import override

_CHUNK: Final = 64
_held: WeakKeyDictionary["asyncio.Task[Any]", list[asyncio.CancelledError]] = WeakKeyDictionary()
Result = TypeVar("Result")


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


async def connect(path: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  (sqlite3's own options)
    """Open a connection; SQLAlchemy calls this with what it would give to the driver."""
    connection = _Connection(partial(sqlite3.connect, path, **options), _CHUNK)
    thread = connection._thread  # noqa: SLF001  (SQLAlchemy's way: a kill must not wait for it)
    thread.daemon = True
    opened = False
    try:
        await _see_through(_opened(connection))
        opened = True
    finally:
        if not opened:
            connection.stop()
            await asyncio.to_thread(thread.join)
    return connection


class _Connection(aiosqlite.Connection):
    """A connection that sees every call through."""

    @override
    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call: Awaitable[Any] = super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return await _see_through(call)

    @override
    async def close(self) -> None:
        await _see_through(super().close())


async def _opened(connection: aiosqlite.Connection) -> aiosqlite.Connection:
    return await connection


async def _see_through(work: Awaitable[Result]) -> Result:
    task = asyncio.ensure_future(work)
    cancelled: list[asyncio.CancelledError] = []
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled.append(error)
    current = asyncio.current_task()
    if cancelled and (current is None or current not in _held):
        task.exception()  # told to nobody: whoever asked has gone
        raise cancelled[0]
    if current is not None and cancelled:
        _held[current] += cancelled
    return task.result()
