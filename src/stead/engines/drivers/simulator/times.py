"""Time as the simulator sees it: moved by tests, by waiting itself, or by the machine's clock."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

from stead.kit import clock


class Time(Protocol):
    """Tells simulated seconds and calls back when they have passed."""

    def now(self) -> float:
        """Return the current second."""
        ...

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call back at a moment; callbacks of one moment run in the order they were given."""
        ...

    async def until(self, moment: float) -> None:
        """Return when that moment has come."""
        ...


class VirtualTime:
    """Time without a clock. Either it jumps to what is waited for, or only ``advance`` moves it.

    Nothing ever sleeps, and the same calls see the same moments in every run.
    """

    def __init__(self, *, jumps: bool = True, start: float = 0) -> None:
        self._jumps = jumps
        self._now = start
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        """Return the current second."""
        return self._now

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call back at a moment, or at the next movement when it has passed."""
        heapq.heappush(self._due, (moment, next(self._order), call))

    async def until(self, moment: float) -> None:
        """Jump to the moment, or wait until somebody moves the time there."""
        if self._jumps:
            # Everybody who is about to ask for something at this moment comes first.
            await asyncio.sleep(0)
            self.advance(max(0, moment - self._now))
        elif moment > self._now:
            reached = asyncio.get_running_loop().create_future()
            self.at(moment, lambda: None if reached.done() else reached.set_result(None))
            await reached

    def advance(self, seconds: float) -> None:
        """Let time pass; everything that becomes due happens at its own moment, in order."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            moment, _, call = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            call()
        self._now = max(self._now, end)


class RealTime:
    """The machine's clock, perhaps faster: what a person watches in a demo."""

    def __init__(self, *, speed: float = 1, start: float = 0) -> None:
        self._speed = speed
        self._start = start - clock.monotonic() * speed

    def now(self) -> float:
        """Return the current second."""
        return self._start + clock.monotonic() * self._speed

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call back at a moment."""
        asyncio.get_running_loop().call_later(self._left(moment), call)

    async def until(self, moment: float) -> None:
        """Sleep until the moment has come."""
        await asyncio.sleep(self._left(moment))

    def _left(self, moment: float) -> float:
        return max(0, (moment - self.now()) / self._speed)
