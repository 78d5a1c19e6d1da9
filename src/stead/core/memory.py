"""What a process remembers of tables that seldom change, until their topic is published.

Another process that changes them announces it; should that get lost, memory ends soon anyway.
"""

from dataclasses import dataclass
from typing import Final

from stead.core.bus import Bus
from stead.kit import clock

SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    value: object
    version: int
    since: float


class Memory:
    """One value for each topic."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._kept: dict[str, _Kept] = {}

    @property
    def tick(self) -> int:
        """Return the moment to give to ``keep``, taken before the database is read."""
        return self._bus.tick

    def find(self, topic: str) -> object | None:
        """Return what was kept, unless the topic was published since or it is too old."""
        kept = self._kept.get(topic)
        if kept is None or kept.version != self._bus.version(topic):
            return None
        return kept.value if clock.monotonic() - kept.since < SECONDS else None

    def keep(self, topic: str, value: object, began: int) -> None:
        """Keep a value that was read since ``began``, if nothing was published meanwhile.

        A transaction may see the database as it was when it began, so that counts.
        """
        version = self._bus.version(topic)
        if version <= began:
            self._kept[topic] = _Kept(value, version, clock.monotonic())
