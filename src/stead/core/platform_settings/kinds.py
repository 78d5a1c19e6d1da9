"""What a platform setting can hold: how it is read from people and programs, and its limits."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from typing_extensions import override

Network: TypeAlias = IPv4Network | IPv6Network
# As it is stored, and as the API takes and gives it.
Json: TypeAlias = "int | str | bool | list[str] | None"
Value = TypeVar("Value")
_ITEMS: Final = 100
_ITEM_LENGTH: Final = 80
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = 63
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}")
_SEPARATORS: Final = re.compile(r"[\s,]+")


class UnacceptableError(ValueError):
    """What was given for a setting cannot be its value; the text says why."""


class Kind(Protocol[Value]):
    """Turns what was given into a value and back. UnacceptableError says what is wrong."""

    @property
    def words(self) -> str:
        """Return in words what can be given."""
        ...

    @property
    def unit(self) -> str:
        """Return what a value counts, or nothing."""
        ...

    def read(self, given: object) -> Value:
        """Return the value that was given, as JSON or as a text."""
        ...

    def write(self, value: Value) -> Json:
        """Return what is stored."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within limits."""

    least: int
    most: int
    unit: str = ""

    @property
    def words(self) -> str:
        """Return the limits."""
        return f"{self.least} to {self.most} {self.unit}".rstrip()

    def read(self, given: object) -> int:
        """Return a number that is within the limits."""
        if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, int):
            raise UnacceptableError(f"A whole number is needed: {self.words}")
        if not self.least <= given <= self.most:
            raise UnacceptableError(f"Choose {self.words}")
        return given

    def write(self, value: int) -> Json:
        """Return the number."""
        return value


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of things at most, or no limit."""

    most: int = 1_000_000_000
    unit: str = ""

    @property
    def words(self) -> str:
        """Return what can be given."""
        return "a number, or none for no limit"

    def read(self, given: object) -> int | None:
        """Return the number; nothing, or the word none, is no limit."""
        if given is None or (isinstance(given, str) and given.strip().lower() in {"", "none"}):
            return None
        return Number(0, self.most).read(given)

    def write(self, value: int | None) -> Json:
        """Return the number or nothing."""
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words."""

    options: tuple[str, ...]
    unit: str = ""

    @property
    def words(self) -> str:
        """Return the words."""
        return ", ".join(self.options[:-1]) + f" or {self.options[-1]}"

    def read(self, given: object) -> str:
        """Return the word if it is one of these."""
        if not isinstance(given, str) or given.strip() not in self.options:
            raise UnacceptableError(f"Choose {self.words}")
        return given.strip()

    def write(self, value: str) -> Json:
        """Return the word."""
        return value


class _List(Generic[Value]):
    """Several items, as a JSON list or as a text with commas or spaces between them."""

    unit = ""

    def read(self, given: object) -> tuple[Value, ...]:
        """Return each item once, in the order in which they were given."""
        if isinstance(given, str):
            given = [part for part in _SEPARATORS.split(given) if part]
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise UnacceptableError("A list is needed")
        if len(given) > _ITEMS:
            raise UnacceptableError(f"{_ITEMS} entries are the most")
        return tuple(dict.fromkeys(self._item(one.strip()) for one in given))

    def write(self, value: tuple[Value, ...]) -> Json:
        """Return the items as texts."""
        return [str(one) for one in value]

    def _item(self, text: str) -> Value:
        """Return one item; each kind of list below says how. Raises UnacceptableError."""
        raise NotImplementedError


class Networks(_List[Network]):
    """Networks in the form 192.0.2.0/24; a single address is a network of one."""

    @property
    def words(self) -> str:
        """Return what can be given."""
        return "networks such as 192.0.2.0/24, with commas between them"

    @override
    def _item(self, text: str) -> Network:
        try:
            return ip_network(text)
        except ValueError as error:
            raise UnacceptableError(
                f"{text[:_ITEM_LENGTH]} is no network; write it like 192.0.2.0/24"
            ) from error


@dataclass(frozen=True, slots=True)
class Subdomain:
    """A part of the server's domain, such as ``apps``; never one of those that are ours."""

    ours: frozenset[str]
    unit: str = ""

    @property
    def words(self) -> str:
        """Return what can be given."""
        return "a name such as apps or lab.apps, which stands before the server's domain"

    def read(self, given: object) -> str:
        """Return the name in small letters."""
        text = given.strip().lower() if isinstance(given, str) else ""
        parts = text.split(".")
        if len(text) > _SUBDOMAIN or not all(_LABEL.fullmatch(part) for part in parts):
            raise UnacceptableError(f"Choose {self.words}")
        if parts[-1] in self.ours:
            raise UnacceptableError(f"{parts[-1]} is the server's own name; apps stay beside it")
        return text

    def write(self, value: str) -> Json:
        """Return the name."""
        return value


class Names(_List[str]):
    """Names of things, which need not exist."""

    @property
    def words(self) -> str:
        """Return what can be given."""
        return "names, with commas between them"

    @override
    def _item(self, text: str) -> str:
        if not _NAME.fullmatch(text):
            raise UnacceptableError(f"{text[:_ITEM_LENGTH]} is no name")
        return text
