"""Finds drivers by name: each is one line under ``stead.engines`` in its package's metadata."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Final, Protocol

from stead.engines.errors import InvalidError
from stead.engines.port import EngineDriver

GROUP: Final = "stead.engines"


class Factory(Protocol):
    """What an entry point names: makes a driver of plain options, without any I/O to it."""

    def __call__(self, options: Mapping[str, str]) -> EngineDriver:
        """Return a driver for one cluster. Raises Invalid for a missing or unknown option."""
        ...


def names() -> tuple[str, ...]:
    """Return the engines that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def connect(engine: str, options: Mapping[str, str]) -> EngineDriver:
    """Return a driver of that engine. Raises Invalid for an engine that is not installed."""
    for point in entry_points(group=GROUP, name=engine):
        factory: Factory = point.load()
        return factory(options)
    raise InvalidError(f"There is no engine {engine!r}; installed: {', '.join(names())}")
