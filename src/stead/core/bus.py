"""Wakes waiters inside this process: a topic has a version that only grows.

Readers take the version first, look at the database, and then wait for a newer one, so
that nothing that happens in between is missed. Losing the whole bus loses no data.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from stead.core.errors import Kind, SteadError

_REMEMBERED: Final = 10_000


class StoppingError(SteadError):
    """This process is going down; whoever waits asks the next one."""

    kind = Kind.UNAVAILABLE
    code = "server.stopping"
    retryable = True


class Bus:
    """Versions of topics and those who wait for them."""

    def __init__(self) -> None:
        self._tick = 0
        self._floor = 0
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._closed = False

    def version(self, topic: str) -> int:
        """Return the version to compare against later."""
        return self._versions.get(topic, self._floor)

    @property
    def tick(self) -> int:
        """Return a number that grows with every publication; versions are such numbers."""
        return self._tick

    def publish(self, topic: str) -> None:
        """Raise a topic's version and wake all who wait for it."""
        self._tick += 1
        self._versions[topic] = self._tick
        self._versions.move_to_end(topic)
        if len(self._versions) > _REMEMBERED:
            # Forgetting a topic may wake a waiter for nothing, never leave one asleep.
            _, self._floor = self._versions.popitem(last=False)
        _wake(self._waiters.pop(topic, set()))

    async def changed(self, topic: str, since: int, limit_seconds: float) -> bool:
        """Wait until the version differs from ``since``; False when time ran out.

        Raises StoppingError once the bus was closed.
        """
        if self._closed:
            raise StoppingError("The server is stopping; try again in a moment")
        if self.version(topic) != since:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(topic, set()).add(waiter)
        try:
            async with asyncio.timeout(limit_seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._leave(topic, waiter)
        if self._closed:
            raise StoppingError("The server is stopping; try again in a moment")
        return True

    def publish_all(self) -> None:
        """Wake everybody, for when topics may have been missed."""
        for topic in list(self._waiters):
            self.publish(topic)

    def close(self) -> None:
        """Send everybody away who waits, so that a server can stop at once."""
        self._closed = True
        for waiters in self._waiters.values():
            _wake(waiters)
        self._waiters.clear()

    @property
    def waiting(self) -> int:
        """Return for how many topics somebody waits."""
        return len(self._waiters)

    def _leave(self, topic: str, waiter: "asyncio.Future[None]") -> None:
        # Most topics are waited for once and never published; none may stay behind.
        waiters = self._waiters.get(topic, set())
        waiters.discard(waiter)
        if not waiters:
            self._waiters.pop(topic, None)


def _wake(waiters: "set[asyncio.Future[None]]") -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
