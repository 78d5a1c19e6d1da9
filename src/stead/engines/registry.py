"""Finds drivers by name: each is one line under ``stead.engines`` in its package's metadata."""

import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Final, Protocol

from stead.engines.capabilities import Ability
from stead.engines.errors import InvalidError
from stead.engines.port import EngineDriver
from stead.engines.traced import traced

GROUP: Final = "stead.engines"


class Factory(Protocol):
    """What an entry point names: makes a driver of plain options, without any I/O to it."""

    def __call__(self, options: Mapping[str, str]) -> EngineDriver:
        """Return a driver for one cluster. Raises Invalid for a missing or unknown option."""
        ...


def names() -> tuple[str, ...]:
    """Return the engines that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def required(engine: str) -> tuple[Ability, ...]:
    """Return what a driver must declare usable: the ``required.toml`` beside its module."""
    for point in entry_points(group=GROUP, name=engine):
        folder = files(point.module.rpartition(".")[0])
        table = tomllib.loads(folder.joinpath("required.toml").read_text())
        return tuple(map(Ability, table["usable"]))
    raise _unknown(engine)


def connect(engine: str, options: Mapping[str, str]) -> EngineDriver:
    """Return a driver of that engine. Raises Invalid for an engine that is not installed."""
    for point in entry_points(group=GROUP, name=engine):
        factory: Factory = point.load()
        driver: EngineDriver = traced(engine, factory(options))
        return driver
    raise _unknown(engine)


def _unknown(engine: str) -> InvalidError:
    return InvalidError(f"There is no engine {engine!r}; installed: {', '.join(names())}")
