"""Makes requests for targets: the rightful caller's own, and the same with others' ids in it.

Nothing here is per route. What a route needs that cannot be guessed is added to ``WORDS`` by
the name of the field; ids are added to the world (``World.ids``).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final

from tests.support.attack.surface import Schema, Target

Ids = Mapping[str, str]

# Values for fields of bodies and forms that have neither default, example nor choice.
WORDS: Final[dict[str, Any]] = {
    "name": "made-by-attack",
    "password": "correct horse battery",
    "current": "correct horse battery",
    "repeat": "correct horse battery",
    "code": "123456",
    "app": "redis",
    "bundle": "monitoring",
    "job.failed": "yes",
    "url": "https://127.0.0.1:1/x",
    "key": "0" * 64,
    "version": "1",
    "revision": "5" * 40,
    "choice": "undo",
    "to": "0",
    "edge": "local",
    "epoch": "0",
    "nonce": "0" * 32,
    "payload": "e30",
    "signature": "0" * 64,
    "changing": "1",
    "quick": "2",
    "node": "n1",
}
# What paths name that is nobody's.
SHARED: Final = {
    "app": "redis",
    "bundle": "monitoring",
    "build": "0",
    "name": "console.css",
    "digest": "0" * 64,
    "job_id": "0" * 26,
    # What it offers is offered to every project.
    "source_id": "everybodys",
}


class CannotFillError(Exception):
    """A route takes something that nobody said how to fill."""


@dataclass(frozen=True)
class Attack:
    """One request, ready to be sent by anybody."""

    target: Target
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    form: dict[str, str] | None = None
    used: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()


def fill(target: Target, own: Ids, foreign: Ids, forms: "Forms | None" = None) -> Attack:
    """Return the request with ids wherever it takes one, foreign ones first.

    Raises CannotFillError.
    """
    ids = {**own, **foreign}
    used: set[str] = set()
    filling = _Filling(target, ids, used)
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: filling.slot(found[1]), target.path)
    query = {
        name: str(filling.sample(name, schema))
        for name, schema in target.query.items()
        if filling.knows(name) or schema.get("required") is True
    }
    body = filling.sample("body", target.body) if target.body else None
    form = None
    if target.is_page and target.writes:
        form = forms.fields(target, path) if forms is not None else {}
        form = {
            name: filling.word(name) if filling.knows(name) and name not in SHARED else value
            for name, value in form.items()
        }
    known = frozenset(used)
    return Attack(target, path, query, body, form, known, known & foreign.keys())


def variants(target: Target, own: Ids, others: Ids, forms: "Forms | None" = None) -> list[Attack]:
    """Return the request with somebody else's ids: all of them, and one after the other."""
    whole = fill(target, own, others, forms)
    slots = sorted(whole.foreign) if len(whole.foreign) > 1 else []
    return [whole, *(fill(target, own, {slot: others[slot]}, forms) for slot in slots)]


@dataclass(frozen=True)
class _Filling:
    """Finds a value for whatever a target takes, and remembers which ids it used."""

    target: Target
    ids: Ids
    used: set[str]

    def slot(self, name: str) -> str:
        """Return a part of the path."""
        if name in self.ids:
            return self.word(name)
        if name in SHARED:
            return SHARED[name]
        raise CannotFillError(
            f"{self.target}: nobody knows an example of {name!r}. Let `populate` in"
            f" tests/support/attack/world.py make one and give its id under this name."
        )

    def knows(self, name: str) -> bool:
        """Tell whether there is an id of this name, or of its singular."""
        return name in self.ids or name.removesuffix("s") in self.ids

    def word(self, name: str) -> str:
        """Return an id by its name."""
        key = name if name in self.ids else name.removesuffix("s")
        self.used.add(key)
        return self.ids[key]

    def sample(self, name: str, schema: Schema) -> Any:
        """Return the simplest value that fits, with an id wherever a name asks for one."""
        schema = _chosen(schema)
        if self.knows(name):
            return [self.word(name)] if schema.get("type") == "array" else self.word(name)
        if schema.get("type") == "object" and "properties" in schema:
            return self._object(schema)
        if schema.get("type") == "array" and "default" not in schema:
            few = range(schema.get("minItems", 0))
            return [self.sample(name, schema.get("items", {})) for _ in few]
        for value in _simple(name, schema):
            return value
        raise CannotFillError(
            f"{self.target}: nobody knows a value for {name!r} ({schema}). Add it to WORDS in"
            f" tests/support/attack/filling.py, or give the field an example or a default."
        )

    def _object(self, schema: Schema) -> dict[str, Any]:
        properties: dict[str, Schema] = schema["properties"]
        example = next(iter(schema.get("examples", [])), {})
        named = {name for name in properties if self.knows(name)}
        wanted = named | (set(schema.get("required", [])) - example.keys())
        return example | {name: self.sample(name, properties[name]) for name in sorted(wanted)}


def _simple(name: str, schema: Schema) -> Iterator[Any]:
    yield from ([schema["const"]] if "const" in schema else [])
    yield from schema.get("enum", [])
    yield from ([WORDS[name]] if name in WORDS else [])
    yield from ([schema["default"]] if "default" in schema else [])
    yield from schema.get("examples", [])
    if schema.get("type") in {"integer", "number"}:
        yield schema.get("minimum", 1)
    yield from {"boolean": [False], "object": [{}]}.get(schema.get("type", ""), [])


def _chosen(schema: Schema) -> Schema:
    """Return the first shape that is not null, with what is said about all of them."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if not options:
        return schema
    outer = {key: schema[key] for key in ("default", "examples") if schema.get(key) is not None}
    return {**next(one for one in options if one.get("type") != "null"), **outer}


class Forms:
    """The forms that pages show, so that attacks send what browsers would send."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, str]] = {}

    def read(self, page: str) -> None:
        """Remember the forms of a page."""
        reader = _Reader()
        reader.feed(page)
        for action, fields in reader.forms:
            self._found.setdefault(action, fields)

    def fields(self, target: Target, path: str) -> dict[str, str]:
        """Return the fields of the form that is sent to this target."""
        shape = re.compile(re.sub(r"\{\w+\}", r"[^/]+", target.path))
        for action in (path, *self._found):
            if action in self._found and shape.fullmatch(action):
                return {
                    name: value or str(WORDS.get(name.rpartition(".")[2], ""))
                    for name, value in self._found[action].items()
                }
        return {}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action", "").partition("?")[0]
            self.forms.append((action, {}))
            self._inside = True
        elif self._inside:
            self.forms[-1][1].update(self._field(tag, given))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"

    def _field(self, tag: str, given: dict[str, str]) -> Iterator[tuple[str, str]]:
        name = given.get("name", "")
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and "selected" in given:
            yield self._select, given.get("value", "")
        # Of boxes whose names begin alike a person ticks at least one.
        group = f"{name.partition('.')[0]}."
        if given.get("type") == "checkbox" and group in name:
            ticked = any(one.startswith(group) for one in self.forms[-1][1])
            given = given if ticked else {**given, "checked": ""}
        off = given.get("type") in {"radio", "checkbox"} and "checked" not in given
        if tag in {"input", "textarea", "select"} and name not in {"", "csrf"} and not off:
            yield name, given.get("value", "")
