"""SQLAlchemy's engines for a PostgreSQL: what it is told, and how few times it is asked.

Each way to the server and back costs more than most of what is asked there, and two processes
that share a processor wake each other each time.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

STILL_SECONDS: Final = 10
# A process that is frozen inside a transaction keeps rows locked; then the server ends it.
SERVER: Final = {"idle_in_transaction_session_timeout": f"{STILL_SECONDS}s"}
# Of each kind; as many again are opened when they are needed, and closed afterwards.
_SIZE: Final = 5
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
    return _engine(url, SERVER)


def reader(url: str) -> AsyncEngine:
    """Return an engine that cannot write.

    Nothing begins or ends a transaction there, not even to see whether a connection still is
    one: each statement sees what was committed before it, which is so inside of one as well.
    """
    told = SERVER | {"default_transaction_read_only": "on"}
    return _engine(url, told, isolation_level="AUTOCOMMIT")


def _engine(url: str, told: dict[str, str], **more: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=_SIZE,
        max_overflow=_SIZE,
        pool_pre_ping=True,
        # The one that was used last knows most statements already.
        pool_use_lifo=True,
        connect_args={"timeout": 5, "server_settings": told},
        **more,
    )
