"""Examples for the OpenAPI document: for every body and answer that brings none of its own.

They are made from the schema, with values that look like what the field's name says. A model
whose example should tell more has ``examples`` in its ``json_schema_extra``.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

Schema = Mapping[str, Any]
JSON: Final = "application/json"
ID: Final = "01k9qz7v4m2t8d6x0c3n5r1b7w"
MOMENT: Final = "2026-02-03T09:30:00Z"
# Of numbers the first that fits is taken.
_NUMBER: Final = 2
_WORDS: Final[Mapping[str, str]] = {
    "action": "deployment.create",
    "address": "10.90.0.10",
    "app": "redis",
    "app_name": "Redis",
    "category": "databases",
    "code": "123456",
    "codes": "k3f7-9m2q-x8d4-c6v1",
    "current": "correct horse battery",
    "host": "cache.apps.example.org",
    "id": ID,
    "kind": "deployment.deploy",
    "link": "https://console.example.org/reset/stl_…",
    "name": "cache",
    "note": "for the build server",
    "organisation": "default",
    "outcome": "done",
    "password": "correct horse battery",
    "prefix": "stt_4fR9xQ",
    "project": "main",
    "requested_by": "ada",
    "resource": "cores",
    "scopes": "deploy",
    "secret": "JBSWY3DPEHPK3PXP",
    "service": "redis",
    "state": "succeeded",
    "subject": f"deployment:{ID}",
    "title": "Deploy Redis as cache",
    "token": "stt_…",
    "token_name": "command line",
    "uri": "otpauth://totp/Stead:ada?secret=JBSWY3DPEHPK3PXP",
    "url": "https://cache.apps.example.org/",
    "version": "1.0.0",
}


def add_examples(document: dict[str, Any]) -> None:
    """Give an example to every body and answer in JSON that has none."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in _contents(operation):
                if JSON in content and "example" not in content[JSON]:
                    content[JSON]["example"] = example(content[JSON].get("schema", {}), schemas)


def _contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    answers = operation["responses"].items()
    done = [answer.get("content", {}) for status, answer in answers if status.startswith("2")]
    return [operation.get("requestBody", {}).get("content", {}), *done]


def example(schema: Schema, schemas: Schema, name: str = "") -> JsonValue:
    """Return something that fits a schema."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for given in (schema.get("examples"), schema.get("enum"), schema.get("const") and [schema]):
        if given:
            found: JsonValue = given[0] if given[0] is not schema else schema["const"]
            return found
    for kinds in (schema.get("anyOf"), schema.get("allOf"), schema.get("oneOf")):
        if kinds:
            return example(_telling(kinds), schemas, name)
    return _of_type(schema, schemas, name)


def _telling(kinds: list[Schema]) -> Schema:
    """Return the kind that says most: not nothing, if there is another."""
    return next((one for one in kinds if one.get("type") != "null"), kinds[0])


def _of_type(schema: Schema, schemas: Schema, name: str) -> JsonValue:
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, schemas)
    if kind == "array":
        return [example(schema.get("items", {}), schemas, name)]
    if kind in {"integer", "number"}:
        least, most = schema.get("minimum", 0), schema.get("maximum", _NUMBER)
        return int(max(least, min(_NUMBER, most)))
    if kind == "boolean":
        return bool(schema.get("default", False))
    return _text(schema, name) if kind == "string" else "…"


def _object(schema: Schema, schemas: Schema) -> JsonValue:
    properties: Schema = schema.get("properties", {})
    if properties:
        return {key: example(one, schemas, key) for key, one in properties.items()}
    inner = schema.get("additionalProperties")
    if not isinstance(inner, Mapping):
        return {}
    names = schema.get("propertyNames", {})
    key = example(names, schemas) if names else "name"
    return {str(key): example(inner, schemas)}


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") == "date-time":
        return MOMENT
    if name.endswith("_id"):
        return ID
    if name.endswith("_at"):
        return MOMENT
    default, pattern = schema.get("default"), schema.get("pattern", "")
    words = (_WORDS.get(name), default if isinstance(default, str) else None, name, "*")
    found = next((word for word in words if word and re.search(pattern, word)), "…")
    return found[: schema.get("maxLength", len(found))]
