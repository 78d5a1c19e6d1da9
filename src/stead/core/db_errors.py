"""What goes wrong with a database, in our own words."""

from typing import Final

from sqlalchemy import exc
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, InterfaceError, OperationalError

from stead.core.errors import Kind, SteadError

# What PostgreSQL calls two transactions of which only one can go on.
_CLASHES: Final = frozenset({"40001", "40P01"})
# What it calls itself when it is read-only, and what begins its names for having no room or
# memory, going down, and a disk that fails.
READ_ONLY: Final = "25006"
_IN_TROUBLE: Final = ("53", "57P", "58")
# What connecting to a server raises before SQLAlchemy has anything to wrap, and what it raises
# itself when so many ask at once that no connection gets free in time.
NO_CONNECTION: Final = (ConnectionError, TimeoutError, exc.TimeoutError)


class DatabaseUnavailableError(SteadError):
    """The database cannot be read or written right now."""

    kind = Kind.UNAVAILABLE
    code = "database.unavailable"
    retryable = True


class ClashError(SteadError):
    """Somebody else changed the same rows at the same moment; nothing was changed here."""

    kind = Kind.UNAVAILABLE
    code = "database.clash"
    retryable = True


class UnstorableError(SteadError):
    """A value that this database has no way to keep, such as a NUL in a text."""

    kind = Kind.INVALID
    code = "database.unstorable"


def translate(error: Exception, *, reading: bool = False) -> Exception:
    """Return the expected failure that an error of the database is, or the error itself.

    Who writes where only reading was meant has a fault of its own, and no database that is away.
    """
    gone = not isinstance(error, DBAPIError) or error.connection_invalidated
    # SQLite says of a file that is damaged nothing more special than this.
    damaged = type(error) is DatabaseError
    # A NUL in a text has no class of its own in the driver, only PostgreSQL's for bad data.
    code = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if code in _CLASHES:
        return ClashError("Somebody else changed this at the same moment; try again")
    if isinstance(error, DataError) or code.startswith("22"):
        return UnstorableError("This contains something that the database cannot store")
    read_only = code == READ_ONLY and not reading
    troubled = read_only or code.startswith(_IN_TROUBLE)
    if gone or damaged or troubled or isinstance(error, OperationalError | InterfaceError):
        return DatabaseUnavailableError("The database cannot be reached; try again in a moment")
    return error
