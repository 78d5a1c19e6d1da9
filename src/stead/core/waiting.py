"""Waits for something in the database: woken by the bus, with a slow look as safety net."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from stead.core.db import Database, Uow
from stead.kit import clock

Found = TypeVar("Found")
SAFETY_SECONDS: Final = 2.0


async def until(
    database: Database,
    topic: str,
    look: Callable[[Uow], Awaitable[Found | None]],
    limit_seconds: float,
) -> Found | None:
    """Return what ``look`` finds once it finds something, or None when time runs out."""
    deadline = clock.monotonic() + limit_seconds
    while True:
        seen = database.bus.version(topic)
        async with database.read() as uow:
            found = await look(uow)
        if found is not None:
            return found
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return None
        await database.bus.changed(topic, seen, min(remaining, SAFETY_SECONDS))
