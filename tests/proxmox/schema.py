"""The table of endpoints and parameters that the double serves, and the check of a call."""

import dataclasses
import functools
import json
import pathlib
import re
from collections.abc import Iterable, Mapping

from tests.proxmox import formats

TABLE = pathlib.Path(__file__).with_name("table")
MISSING = "property is missing and it is not optional"
UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
INDEXED = re.compile(r"^([a-z_]+)\d+$")


@dataclasses.dataclass(frozen=True)
class Property:
    """One parameter: its type and the limits that the real one checks."""

    name: str
    type: str
    optional: bool
    format: str = ""
    min: str = ""
    max: str = ""
    minlen: str = ""
    maxlen: str = ""
    enum: str = ""
    requires: str = ""
    default_key: str = ""
    alias: str = ""
    keyalias: str = ""
    pattern: str = ""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One method of one path, with who may call it and what it takes."""

    method: str
    path: str
    flags: frozenset[str]
    permission: str
    properties: Mapping[str, Property]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    def find(self, name: str) -> Property | None:
        return find_property(self.properties, name)


def find_property(properties: Mapping[str, Property], name: str) -> Property | None:
    """Return the definition of a parameter; ``net3`` is one of ``net[n]``."""
    if name in properties:
        return properties[name]
    indexed = INDEXED.match(name)
    return properties.get(f"{indexed[1]}[n]") if indexed else None


def parse_property(line: str) -> Property:
    words, _, pattern = line.strip().partition(" pattern=")
    name, type_, *rest = words.split(" ")
    options = dict(word.partition("=")[::2] for word in rest)
    if "default_key" in options:
        options["default_key"] = "1"
    return Property(name.removesuffix("?"), type_, name.endswith("?"), pattern=pattern, **options)


def blocks(text: str) -> Iterable[tuple[str, list[str]]]:
    """Split a table into (unindented head, indented lines)."""
    for block in re.split(r"\n(?=\S)", text.rstrip("\n")):
        head, *lines = block.split("\n")
        yield head, lines


@functools.cache
def endpoints() -> tuple[Endpoint, ...]:
    """Return the whole table."""
    found = []
    for file in sorted(TABLE.glob("*.txt")):
        if file.name == "formats.txt":
            continue
        for head, lines in blocks(file.read_text(encoding="utf-8")):
            method, path, *flags = head.split(" ")
            properties = [parse_property(line) for line in lines[1:]]
            found.append(
                Endpoint(
                    method,
                    path,
                    frozenset(flags),
                    lines[0].strip().removeprefix("@"),
                    {one.name: one for one in properties},
                )
            )
    return tuple(found)


@functools.cache
def nested_formats() -> dict[str, dict[str, Property]]:
    """Return the formats of property strings: name to definition by key."""
    text = (TABLE / "formats.txt").read_text(encoding="utf-8")
    return {
        head: {one.name: one for one in map(parse_property, lines)} for head, lines in blocks(text)
    }


@functools.cache
def _by_shape() -> dict[tuple[str, int], list[Endpoint]]:
    shapes: dict[tuple[str, int], list[Endpoint]] = {}
    for one in sorted(endpoints(), key=lambda endpoint: endpoint.path.count("{")):
        shapes.setdefault((one.method, one.path.count("/")), []).append(one)
    return shapes


def match(method: str, segments: list[str]) -> tuple[Endpoint, dict[str, str]] | None:
    """Return the endpoint of a path and the values in it, or None when there is none."""
    for endpoint in _by_shape().get((method, len(segments)), ()):
        values: dict[str, str] = {}
        for wanted, given in zip(endpoint.path.split("/")[1:], segments, strict=True):
            if not wanted.startswith("{"):
                if wanted != given:
                    break
                continue
            definition = endpoint.properties.get(wanted[1:-1])
            if definition and definition.pattern and not re.fullmatch(definition.pattern, given):
                break
            values[wanted[1:-1]] = given
        else:
            return endpoint, values
    return None


def check(
    endpoint: Endpoint, given: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, str]]:
    """Return the values by their types, and what is wrong with them."""
    return check_properties(endpoint.properties, given)


def check_properties(
    properties: Mapping[str, Property], given: Mapping[str, object], prefix: str = ""
) -> tuple[dict[str, object], dict[str, str]]:
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for name, value in given.items():
        definition = find_property(properties, name)
        if definition is None:
            errors[name] = UNKNOWN
            continue
        if definition.requires and definition.requires not in given:
            errors[definition.requires] = f"missing property - '{name}' requires this property"
        try:
            values[name] = convert(definition, value, prefix + name)
        except ValueError as wrong:
            errors[name] = str(wrong)
    for definition in properties.values():
        if not (definition.optional or definition.alias) and definition.name not in given:
            errors.setdefault(definition.name, MISSING)
    return values, errors


def convert(definition: Property, value: object, label: str) -> object:
    """Return the value by its type. Raises ValueError in the words of the real one."""
    if definition.type == "array":
        return value if isinstance(value, list) else [value]
    if isinstance(value, list):
        complaint = f"type check ('{definition.type}') failed - got ARRAY"
        raise ValueError(complaint)  # noqa: TRY004 -- a refusal of the value, not of our types
    text = _text(value)
    if definition.type == "boolean":
        return _boolean(text)
    if definition.format:
        _check_format(definition, text, label)
    if definition.type in {"integer", "number"}:
        return _number(definition, text)
    _check_text(definition, text)
    return text


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _boolean(text: str) -> int:
    if text not in {"0", "1"}:
        raise ValueError(f"type check ('boolean') failed - got '{text}'")
    return int(text)


def _number(definition: Property, text: str) -> object:
    whole = definition.type == "integer"
    if not re.fullmatch(r"-?\d+" if whole else r"-?\d+(\.\d+)?", text):
        raise ValueError(f"type check ('{definition.type}') failed - got '{text}'")
    if definition.min and float(text) < float(definition.min):
        raise ValueError(f"value must have a minimum value of {definition.min}")
    if definition.max and float(text) > float(definition.max):
        raise ValueError(f"value must have a maximum value of {definition.max}")
    return int(text) if whole else text


def _check_text(definition: Property, text: str) -> None:
    if definition.minlen and len(text) < int(definition.minlen):
        raise ValueError(f"value must be at least {definition.minlen} characters long")
    if definition.maxlen and len(text) > int(definition.maxlen):
        raise ValueError(f"value may only be {definition.maxlen} characters long")
    if definition.pattern and not re.search(f"^(?:{definition.pattern})$", text):
        raise ValueError("value does not match the regex pattern")
    if definition.enum and text not in definition.enum.split("|"):
        allowed = definition.enum.replace("|", ", ")
        raise ValueError(f"value '{text}' does not have a value in the enumeration '{allowed}'")


def _check_format(definition: Property, text: str, label: str) -> None:
    if definition.type == "integer" and not re.fullmatch(r"-?\d+", text):
        return
    nested = nested_formats().get(definition.format)
    if nested is not None:
        parse_string(nested, text, label)
        return
    wrong = formats.complaint(definition.format, text)
    if wrong:
        raise ValueError(f"invalid format - {wrong}\n")


def parse_string(nested: Mapping[str, Property], text: str, label: str) -> dict[str, object]:
    """Split ``key=value,key=value``. Raises ValueError in the words of the real one."""
    given: dict[str, object] = {}
    default = next((one.name for one in nested.values() if one.default_key), "")
    for part in filter(None, re.split(r"\s*,\s*", text.strip())):
        key, equals, value = part.partition("=")
        if not equals or (default and key not in nested and default not in given):
            if not default or default in given:
                raise ValueError(
                    "invalid format - value without key, but schema has no default key\n"
                )
            key, value = default, part
        definition = find_property(nested, key)
        if definition and definition.keyalias:
            given[definition.keyalias] = key
        given[definition.alias if definition and definition.alias else key] = value
    values, errors = check_properties(nested, given, f"{label}.")
    if errors:
        lines = "".join(f"{label}.{name}: {wrong}\n" for name, wrong in errors.items())
        raise ValueError(f"invalid format - format error\n{lines}")
    return values
