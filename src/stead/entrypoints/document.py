"""What the OpenAPI document says about every route besides what its code says."""

from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from stead.core.errors import HTTP_STATUS, Kind
from stead.entrypoints import examples
from stead.entrypoints.declarations import API, Declaration, list_declarations

PROBLEM: Final = "Problem"
_REF: Final = {"$ref": f"#/components/schemas/{PROBLEM}"}
_SECURITY: Final = "token"
_MEANINGS: Final = {
    400: "The request cannot be read.",
    401: "Nobody is signed in, or the token is not valid any more.",
    403: "The role, or the token's scopes, do not allow this.",
    404: "There is no such thing, or it is not yours.",
    405: "This path does not take this method.",
    409: "It does not fit the current state, or a limit is reached.",
    412: "It was changed meanwhile; look again.",
    413: "The request is larger than anything that is taken.",
    422: "The request does not have the expected shape, or a value cannot be right.",
    429: "Too often; try again after the seconds in `Retry-After`.",
    503: "Not right now; try again after the seconds in `Retry-After`.",
}
_KEY_SAYS: Final = (
    "With the same key the same request acts once within 24 hours; sent again, it is answered"
    " alike, with `Idempotent-Replayed: true`, and without what is shown only once."
)
_KEY_LOOKS: Final = "^[!-~]{1,255}$"
_MATCH_SAYS: Final = "The `ETag` of what was seen; if it has changed meanwhile, nothing is done."
_MATCH_LOOKS: Final = r'^(\*|"[!#-~]*")$'
_HINTED: Final = frozenset({Kind.UNAVAILABLE, Kind.RATE_LIMITED})


class Problem(BaseModel):
    """Every failure: what went wrong, by a code that stays, and what to do next."""

    type: str
    title: str
    status: int
    code: str
    hint: str = ""
    fields: dict[str, str] = {}


def describe(app: FastAPI) -> None:
    """Let the document name every status that a route may answer, and how to sign in."""
    declared = {(one.method, one.path): one for one in list_declarations(app)}
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain(), declared)
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], declared: dict[tuple[str, str], Declaration]) -> None:
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})[PROBLEM] = Problem.model_json_schema()
    components["securitySchemes"] = {_SECURITY: {"type": "http", "scheme": "bearer"}}
    paths = document["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            one = declared.get((method.upper(), path))
            if one is None or not path.startswith(API):
                continue
            if one.action is not None:
                operation["security"] = [{_SECURITY: []}]
                operation["description"] = _said(operation, one)
            operation["parameters"] = operation.get("parameters", []) + _headers(
                method, path, paths
            )
            for status in _statuses():
                operation["responses"][str(status)] = _answer(status)
    examples.add_examples(document)


def _headers(method: str, path: str, paths: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the headers that every route of this kind understands."""
    if method == "post":
        return [_header("Idempotency-Key", _KEY_SAYS, {"type": "string", "pattern": _KEY_LOOKS})]
    if method in {"put", "patch", "delete"} and "get" in paths[path]:
        looks = {"type": "string", "pattern": _MATCH_LOOKS, "examples": ["*"]}
        return [_header("If-Match", _MATCH_SAYS, looks)]
    return []


def _header(name: str, said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": said, "schema": schema}


def _statuses() -> list[int]:
    return sorted({405, *HTTP_STATUS.values()})


def _said(operation: dict[str, Any], one: Declaration) -> str:
    said = operation.get("description", "")
    return f"{said}\n\nNeeds the action `{one.action}`.".strip()


def _answer(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": _REF}},
    }
    if status in {HTTP_STATUS[kind] for kind in _HINTED}:
        seconds = {"description": "Seconds to wait.", "schema": {"type": "string"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer
