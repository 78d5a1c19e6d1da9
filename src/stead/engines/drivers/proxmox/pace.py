"""How the driver measures and waits; tests put the time of their stand-in here."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stead.kit import clock


@dataclass(frozen=True, slots=True)
class Pace:
    """A clock and a way to wait by it."""

    now: Callable[[], float] = clock.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    least: float = 0.03
    most: float = 1.0

    async def sleep_unless(self, woken: asyncio.Event, seconds: float) -> None:
        """Wait, but no longer than until something happens."""
        waits = {
            asyncio.ensure_future(self.sleep(seconds)),
            asyncio.ensure_future(woken.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
