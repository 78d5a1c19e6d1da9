"""Time as the control plane sees it; a guest's own clock may be wrong."""

from __future__ import annotations

import email.utils
import random
import threading
import time

_PAUSES = (0.1, 0.2, 0.2, 0.3, *[0.5] * 6, *[1.0] * 6, 2.0, 2.0, 4.0, 8.0, 15.0)
_FAR_SECONDS = 60
_LATE_SECONDS = 1.0
_JITTER = random.SystemRandom()


class ServerClock:
    """Follows the control plane's clock between its answers."""

    def __init__(self) -> None:
        self._own = time.time() - time.monotonic()
        self._told: float | None = None

    def set(self, server_time: float) -> None:
        """Take over the time that an answer named, unless it only came later than others.

        What is told has passed by as much as the answer took, so the clock would go back and
        forth with the network, and what ended would end before it began.
        """
        told = server_time - time.monotonic()
        if self._told is None or not 0 <= self._told - told < _LATE_SECONDS:
            self._told = told

    def now(self) -> float:
        """Return unix seconds, to the millisecond."""
        return round(time.monotonic() + (self._own if self._told is None else self._told), 3)


class Wall:
    """The time that requests are signed with: this machine's, until an answer says otherwise."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> int:
        """Return unix seconds."""
        return int(time.time() + self._offset)

    def follow(self, date: str | None) -> bool:
        """Take over the date of an answer; tell whether it was far from what was thought."""
        try:
            told = email.utils.parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError, IndexError, OverflowError):
            return False
        before, self._offset = self._offset, told - time.time()
        return abs(self._offset - before) > _FAR_SECONDS


class Pauses:
    """Growing pauses after failures: short at first, since a control plane restarts in seconds."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._failures = 0

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._failures = 0

    def wait(self) -> None:
        """Pause after one more failure; return early when the agent stops."""
        longest = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        self._stopping.wait(longest * _JITTER.uniform(0.6, 1.0))
