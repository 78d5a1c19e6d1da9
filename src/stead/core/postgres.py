"""SQLAlchemy's engines for a PostgreSQL: what it is told, and how few times it is asked.

Each way to the server and back costs more than most of what is asked there, and two processes
that share a processor wake each other each time.
"""

import select
from typing import Final

import asyncpg
from sqlalchemy import ExceptionContext, event, exc
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from stead.core.db_errors import READ_ONLY
from stead.kit import clock

STILL_SECONDS: Final = 10
# A process that is frozen inside a transaction keeps rows locked; then the server ends it.
SERVER: Final = {"idle_in_transaction_session_timeout": f"{STILL_SECONDS}s"}
# Of each kind, opened when so many are needed at once, and kept: opening one costs the server a
# process, and the new one knows none of the statements.
_SIZE: Final = 10
# What was used so short a time ago is still there, unless the driver has heard of its end.
FRESH_SECONDS: Final = 5.0
_USED: Final = "stead.used"
# How many statements a connection remembers; we ask more than the driver's hundred.
STATEMENTS: Final = 500
# Between preparing a statement and executing it, and among the rows of one, the driver has not
# said that this was all. Such a session is at work for the server, which waits for ever.
EVICT: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = current_database() and usename = current_user and state = 'active' "
    "and application_name <> 'stead copy' "
    "and wait_event = 'ClientRead' and xact_start is not null "
    "and state_change < clock_timestamp() - make_interval(secs => :seconds)"
)
# One that only reads stands in nobody's way, and a copy may wait for a slow disk.
AT_LEISURE: Final = (
    "select set_config('idle_in_transaction_session_timeout', '1h', true), "
    "set_config('application_name', 'stead copy', true)"
)


def writer(url: str) -> AsyncEngine:
    """Return the engine whose transactions are written."""
    engine = _engine(url, SERVER)
    event.listen(engine.sync_engine, "handle_error", _let_go_of_readers)
    return engine


def reader(url: str) -> AsyncEngine:
    """Return an engine that cannot write.

    Nothing begins or ends a transaction there, not even to see whether a connection still is
    one: each statement sees what was committed before it, which is so inside of one as well.
    """
    told = SERVER | {"default_transaction_read_only": "on"}
    return _engine(url, told, isolation_level="AUTOCOMMIT")


def _engine(url: str, told: dict[str, str], **more: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=_SIZE,
        max_overflow=0,
        # The one that was used last knows most statements already.
        pool_use_lifo=True,
        connect_args={
            "timeout": 5,
            "server_settings": told,
            "prepared_statement_cache_size": STATEMENTS,
        },
        **more,
    )
    event.listen(engine.sync_engine, "checkout", _still_there)
    event.listen(engine.sync_engine, "checkin", _note_use)  # codespell:ignore checkin
    return engine


def _let_go_of_readers(context: ExceptionContext) -> None:
    """Part with sessions that may only read: they stay so when their server takes writes again."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _still_there(
    connection: AsyncAdapt_asyncpg_connection, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Have a connection that has gone replaced by another. Raises DisconnectionError.

    Asking the server each time would cost more than most of what is then asked. Its end would
    have been heard, so only one that lay unused for a while is asked, or that has been sent
    something which nobody asked for: that is what an end looks like before the driver reads it.
    """
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError
    used = record.info.get(_USED)
    fresh = used is None or clock.monotonic() - used < FRESH_SECONDS
    if fresh and _is_silent(connection.driver_connection):
        return
    try:
        connection.ping()  # type: ignore[no-untyped-call]
    except (connection.dbapi.Error, OSError) as error:
        raise exc.DisconnectionError from error


def _is_silent(driver: asyncpg.Connection) -> bool:
    transport = driver._transport  # type: ignore[attr-defined]  # noqa: SLF001  (it has no door)
    look = select.poll()
    look.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not look.poll(0)


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = clock.monotonic()
