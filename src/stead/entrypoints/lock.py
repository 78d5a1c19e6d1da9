"""One process at a time serves from a data folder, or changes it as a whole."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process serves from this data folder."""


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a data folder for this process alone. Raises AlreadyRunningError."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"Stead already serves from {path.parent}") from error
        yield
