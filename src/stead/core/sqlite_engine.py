"""SQLAlchemy's engine for a SQLite file: pragmas, and how transactions begin."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from stead.core import sqlite

_SPARE: Final = 28


def make_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives the files beside it the same mode."""
    if path.parent.is_dir() and not path.exists():
        path.touch(mode=0o600)


def create(url: str, *, begin: str, size: int, short: bool) -> AsyncEngine:
    """Return the engine of a file, whose transactions start with ``begin``."""
    engine = create_async_engine(
        url,
        pool_size=size,
        # More than are ever used: waiting for a free one is where a cancellation goes astray.
        max_overflow=_SPARE,
        pool_timeout=30,
        connect_args={"async_creator_fn": sqlite.connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401  (the driver's)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=wal",
            "synchronous=full",
            "foreign_keys=on",
            "temp_store=memory",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        connection.driver_connection.short = short

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:  # noqa: ANN401  (the event passes a driver's object)
        # The driver opens no transactions by itself: it would choose deferred ones, and
        # two readers that turn into writers then fail instead of waiting.
        connection.connection.driver_connection.begin = begin

    return engine
