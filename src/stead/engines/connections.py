"""What an administrator enters to connect a cluster: declared beside each driver, as data.

``connection.toml`` names the options that may come from people. Options of a driver that it
does not name, such as files on this server, can only come from the process's own settings.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from stead.engines import errors

GROUP: Final = "stead.engines"
_TEXT_LENGTH: Final = 500
_PEM_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Field:
    """One option. A secret one goes into the vault and is never shown again."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    multiline: bool = False
    default: str = ""
    # Clusters that agree in these are one and the same.
    identity: bool = False
    # What is replaced when credentials are; secret ones always are.
    credential: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """How clusters of one engine are connected.

    ``address`` is the option with the URL and ``pin`` the one that takes the fingerprint of the
    certificate; both are empty for an engine that is not reached over a network.
    """

    engine: str
    title: str
    address: str
    port: int
    pin: str
    fields: tuple[Field, ...]
    # Guests of ours can be made there, once an administrator said what they begin as.
    hosts: bool = False
    # The options with the first and the last number of our guests, where they have numbers.
    numbered: tuple[str, ...] = ()

    def numbers(self, options: Mapping[str, str]) -> range:
        """Return the numbers that our guests may have; none where they have no numbers."""
        if not self.numbered:
            return range(0)
        defaults = {field.name: field.default for field in self.fields}
        first, last = (int(options.get(name) or defaults[name]) for name in self.numbered)
        return range(first, last + 1)

    def check(self, options: Mapping[str, str]) -> dict[str, str]:
        """Return the options that were given, trimmed. Raises Invalid for what is amiss."""
        known = {field.name: field for field in self.fields}
        given = {name: text.strip() for name, text in options.items() if text.strip()}
        if unknown := sorted(given.keys() - known.keys()):
            raise errors.InvalidError(f"The engine {self.engine} takes no {', '.join(unknown)}")
        needed = {name for name, field in known.items() if field.required}
        if missing := sorted(needed - given.keys()):
            raise errors.InvalidError(f"The engine {self.engine} needs {', '.join(missing)}")
        for name, text in given.items():
            if len(text) > (_PEM_LENGTH if known[name].multiline else _TEXT_LENGTH):
                raise errors.InvalidError(f"{name} is longer than any that makes sense")
        if self.address:
            self.endpoint(given)
        return given

    def endpoint(self, options: Mapping[str, str]) -> tuple[str, int]:
        """Return host and port of the address. Raises Invalid."""
        try:
            parts = urlsplit(options.get(self.address, ""))
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme != "https" or not host or parts.username is not None:
            raise errors.InvalidError(f"{self.address} has the form https://HOST:{self.port}")
        return host, port or self.port

    def secrets(self) -> frozenset[str]:
        """Return the names of the options that are never shown."""
        return frozenset(field.name for field in self.fields if field.secret)

    def credentials(self) -> frozenset[str]:
        """Return the names of the options that say who we are."""
        return frozenset(field.name for field in self.fields if field.secret or field.credential)

    def identity(self, options: Mapping[str, str]) -> tuple[str, ...]:
        """Return what tells clusters of this engine apart; empty when nothing does."""
        return tuple(
            options.get(field.name, field.default).rstrip("/").lower()
            for field in self.fields
            if field.identity
        )


def names() -> tuple[str, ...]:
    """Return the engines whose clusters people can connect."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP) if _read(point.name)))


def of(engine: str) -> Connection:
    """Return how an engine's clusters are connected. Raises Invalid for no such engine."""
    table = _read(engine)
    if not table:
        raise errors.InvalidError(
            f"There is no engine {engine!r} to connect; there are: {', '.join(names())}"
        )
    return Connection(
        engine=engine,
        title=table["title"],
        address=table.get("address", ""),
        port=table.get("port", 443),
        pin=table.get("pin", ""),
        fields=tuple(Field(**field) for field in table["fields"]),
        hosts=table.get("hosts", False),
        numbered=tuple(table.get("numbers", ())),
    )


@cache
def _read(engine: str) -> dict[str, Any]:
    for point in entry_points(group=GROUP, name=engine):
        found = files(point.module.rpartition(".")[0]).joinpath("connection.toml")
        return tomllib.loads(found.read_text()) if found.is_file() else {}
    return {}
