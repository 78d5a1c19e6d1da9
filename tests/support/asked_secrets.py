"""Which values are secrets when people send them or are shown them, by the API's own document.

What is declared as a password, or is called what secrets are called, is one; so is whatever
packages and engines ask for, as some of that is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# What a secret is called in our answers.
TELLING: Final = frozenset(
    {"token", "secret", "link", "uri", "codes", "password", "value", "recovery_key"}
)
# What it is called where it is sent, and what holds whatever somebody else asks for.
_SENT: Final = TELLING | {"code", "inputs", "options"}
_OPENINGS: Final = ("anyOf", "allOf", "oneOf")


@dataclass(frozen=True, order=True)
class Place:
    """A field of what is sent to an operation, or of what it answers."""

    method: str
    path: str
    field: str
    answered: bool = False

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{'answer of ' if self.answered else ''}{self.method} {self.path} {self.field}"


@dataclass(frozen=True)
class Document:
    """What the API says about itself."""

    content: Mapping[str, Any]

    def places(self) -> set[Place]:
        """Return every place that a secret goes through."""
        found: set[Place] = set()
        for path, operations in self.content["paths"].items():
            for verb, operation in operations.items():
                method = verb.upper()
                sent = operation.get("requestBody", {})
                found |= {Place(method, path, one) for one in self._in(sent, _SENT)}
                if method in {"POST", "PUT"}:
                    found |= {
                        Place(method, path, one, answered=True)
                        for status, answer in operation["responses"].items()
                        if status.startswith("2")
                        for one in self._in(answer, TELLING)
                    }
        return found

    def path_of(self, address: str) -> str:
        """Return the path that an address is one of, or nothing."""
        plain = address.partition("?")[0]
        for path in sorted(self.content["paths"], key=lambda one: one.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), plain):
                return str(path)
        return ""

    def _in(self, holder: Mapping[str, Any], names: frozenset[str]) -> set[str]:
        kinds = holder.get("content", {}).values()
        return {one for kind in kinds for one in self._fields(kind.get("schema", {}), names)}

    def _fields(
        self, schema: Mapping[str, Any], names: frozenset[str], at: str = "", depth: int = 6
    ) -> Iterator[str]:
        if "$ref" in schema:
            schema = self.content["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if not depth:
            return
        for name, inner in schema.get("properties", {}).items():
            place = f"{at}.{name}".lstrip(".")
            if name in names or inner.get("format") == "password":
                yield place
            else:
                yield from self._fields(inner, names, place, depth - 1)
        parts = [part for opening in _OPENINGS for part in schema.get(opening, ())]
        for part in [*parts, *([schema["items"]] if "items" in schema else [])]:
            yield from self._fields(part, names, at, depth - 1)


def texts(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    """Return the texts of a body, each with its place; those of a list share one."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from texts(inner, f"{at}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, at)
