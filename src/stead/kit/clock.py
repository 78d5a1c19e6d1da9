"""The only source of time, so that tests and replays can hold it still."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells wall-clock time; always aware, always UTC."""

    def now(self) -> datetime:
        """Return the current moment."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current moment."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that only moves when told to, for tests."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Return the moment that was set."""
        return self.moment


def utc_now() -> datetime:
    """Return the current moment by the machine's clock."""
    return SystemClock().now()


def monotonic() -> float:
    """Return seconds that only ever grow, for measuring durations."""
    return time.monotonic()
