"""What a PostgreSQL server is told, so that a process which stands still keeps nobody out."""

from typing import Any, Final

STILL_SECONDS: Final = 10
# A process that is frozen inside a transaction keeps rows locked; then the server ends it.
SERVER: Final[dict[str, Any]] = {
    "timeout": 5,
    "server_settings": {"idle_in_transaction_session_timeout": f"{STILL_SECONDS}s"},
}
# Between preparing a statement and executing it, and among the rows of one, the driver has not
# said that this was all. Such a session is at work for the server, which waits for ever.
EVICT: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = current_database() and usename = current_user and state = 'active' "
    "and wait_event = 'ClientRead' and xact_start is not null "
    "and state_change < clock_timestamp() - make_interval(secs => :seconds)"
)
