"""What can be attacked: every route that the applications serve, found by asking them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from stead.core import authz
from stead.entrypoints import declarations

Schema = dict[str, Any]
_TYPES: Final = {int: "integer", bool: "boolean", float: "number"}
PROGRAMS: Final = ("/api/", "/edge/", "/agent/", "/static/", "/healthz", "/readyz", "/metrics")


@dataclass(frozen=True)
class Target:
    """One method of one path, what it declared, and what it takes besides the path."""

    method: str
    path: str
    declared: str
    query: dict[str, Schema] = field(default_factory=dict, compare=False)
    body: Schema = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        """Return what tests are named after."""
        return f"{self.method} {self.path}"

    @property
    def is_public(self) -> bool:
        """Tell whether it answers anybody, or looks at its caller itself."""
        return self.declared.startswith("public")

    @property
    def is_page(self) -> bool:
        """Tell whether browsers ask for it."""
        return not self.path.startswith(PROGRAMS)

    @property
    def writes(self) -> bool:
        """Tell whether it may change something."""
        return self.method not in {"GET", "HEAD"}


def served(app: object) -> FastAPI:
    """Return the application inside its guards."""
    while not isinstance(app, FastAPI):
        app = app._app  # type: ignore[attr-defined]
    return app


def targets(app: object) -> list[Target]:
    """Return everything that an application answers to."""
    return list(_targets(served(app)))


@cache
def _targets(app: FastAPI) -> tuple[Target, ...]:
    found = [target for route in iter_route_contexts(app.routes) for target in _of(app, route)]
    return tuple(sorted(found, key=lambda one: (one.path, one.method)))


def _of(app: FastAPI, route: Any) -> Iterator[Target]:
    is_ours = isinstance(route.original_route, APIRoute)
    said = authz.declared(route.endpoint) if is_ours else ""
    if declarations.is_frameworks(app, route.original_route):
        said = "public: made by the framework"
    # What is no route with methods can still be reached: sockets, mounted applications.
    for method in sorted((route.methods or {type(route.original_route).__name__}) - {"HEAD"}):
        yield Target(
            method=method,
            path=route.path,
            declared=said or "",
            query=_query(route.dependant) if is_ours else {},
            body=_body(app, route.path, method) if is_ours else {},
        )


def _query(dependant: Any) -> dict[str, Schema]:
    """Return the names in the query, those of models and of dependencies too."""
    found: dict[str, Schema] = {}
    for one in dependant.query_params:
        inner = getattr(one.field_info.annotation, "model_json_schema", None)
        if inner is not None:
            found |= inner()["properties"]
        else:
            kind = _TYPES.get(one.field_info.annotation, "string")
            found[one.alias] = {"type": kind, "required": one.field_info.is_required()}
    for below in dependant.dependencies:
        found |= _query(below)
    return found


def _body(app: FastAPI, path: str, method: str) -> Schema:
    document = app.openapi()
    operation = document["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    schema = next(iter(content.values()), {}).get("schema", {})
    return _resolved(schema, document)


def _resolved(schema: Any, document: Schema) -> Any:
    """Return a schema with its references filled in; ours do not refer to themselves."""
    if isinstance(schema, list):
        return [_resolved(one, document) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _resolved(document["components"]["schemas"][name], document)
    return {key: _resolved(value, document) for key, value in schema.items()}
