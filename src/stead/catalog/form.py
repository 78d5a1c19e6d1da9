"""Shows a manifest's inputs to people (form fields) and to programs (JSON Schema)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stead.catalog.schemas import NUMBER_TYPES, Input, Manifest, VisibleIf

FieldKind = Literal["text", "number", "checkbox", "password", "select", "email"]

_KINDS: Mapping[str, FieldKind] = {
    "string": "text",
    "integer": "number",
    "boolean": "checkbox",
    "password": "password",
    "select": "select",
    "email": "email",
    "port": "number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    A checkbox needs a hidden field of the same name with ``false`` before it, since browsers
    send nothing for an empty box. ``min`` and ``max`` bound a number, or the length of a text.
    ``visible_if`` is the name of another field and the text it has while this one is shown.
    """

    name: str
    kind: FieldKind
    label: str
    help: str
    value: str
    required: bool
    options: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    problem: str | None = None
    visible_if: tuple[str, str] | None = None
    generate: bool = False


def fields(
    manifest: Manifest, values: Mapping[str, object], problems: Mapping[str, str]
) -> list[Field]:
    """Return the fields in order, filled with what was given before or with defaults.

    A secret is never filled in again.
    """
    return [_field(one, values, problems.get(one.name)) for one in manifest.inputs]


def _field(one: Input, values: Mapping[str, object], problem: str | None) -> Field:
    low, high = _bounds(one)
    secret = one.is_secret
    return Field(
        name=one.name,
        kind="password" if secret else _KINDS[one.type],
        label=one.label,
        help=one.description,
        value="" if secret else _shown(values.get(one.name, one.default)),
        required=one.required and not one.generate,
        options=tuple(one.validation.allowed_values or ()),
        min=low,
        max=high,
        problem=problem,
        visible_if=_condition(one.visible_if),
        generate=one.generate,
    )


def _bounds(one: Input) -> tuple[int | None, int | None]:
    limits = one.validation
    if one.type == "port":
        return max(limits.min or 1, 1), min(limits.max or 65535, 65535)
    if one.type in NUMBER_TYPES:
        return limits.min, limits.max
    return limits.min_length, limits.max_length


def _condition(rule: VisibleIf | None) -> tuple[str, str] | None:
    return None if rule is None else (rule.input, _shown(rule.equals))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def json_schema(manifest: Manifest) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of an object with the inputs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": manifest.name,
        "type": "object",
        "properties": {one.name: _property(one) for one in manifest.inputs},
        "required": [
            one.name for one in manifest.inputs if _is_demanded(one) and one.visible_if is None
        ],
        "allOf": [_demand(one, one.visible_if) for one in manifest.inputs if one.visible_if],
        "additionalProperties": False,
    }


def _is_demanded(one: Input) -> bool:
    return one.required and one.default is None and not one.generate


def _demand(one: Input, rule: VisibleIf) -> dict[str, object]:
    """Say that an input is asked for only while another has a value."""
    condition = {"properties": {rule.input: {"const": rule.equals}}, "required": [rule.input]}
    return {"if": condition, "then": {"required": [one.name] if _is_demanded(one) else []}}


def _property(one: Input) -> dict[str, object]:
    limits = one.validation
    low, high = _bounds(one)
    number = one.type in NUMBER_TYPES
    found: dict[str, object | None] = {
        "type": "integer" if number else "boolean" if one.type == "boolean" else "string",
        "title": one.label,
        "description": one.description or None,
        "default": one.default,
        "minimum" if number else "minLength": low,
        "maximum" if number else "maxLength": high,
        "pattern": limits.pattern,
        "enum": limits.allowed_values,
        "format": "email" if one.type == "email" else None,
        "writeOnly": True if one.is_secret else None,
    }
    return {key: value for key, value in found.items() if value is not None}
