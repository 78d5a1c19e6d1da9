"""What every route declares, read from the application itself: for its start, tests and docs."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import BaseRoute, Route, compile_path

from stead.core import answers, authz
from stead.core.authz import POLICY, Action, Relation
from stead.core.http import require_actor

API: Final = "/api/v1/"
CHANGES: Final = frozenset({"PUT", "PATCH", "DELETE"})
Endpoint: TypeAlias = Callable[..., object]
# How things are named in bodies and queries: by id, or a project by its name.
_NAMES: Final = ("project",)


class UndeclaredActionError(Exception):
    """A route does not say which action it performs, or never asks who performs it."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One route: what it does, to what kind of relation, and where its thing is named.

    ``named_in`` lists places such as ``path.deployment_id`` and ``body.project``.
    """

    method: str
    path: str
    action: Action | None
    named_in: tuple[str, ...]
    public: str = ""

    @property
    def relation(self) -> Relation | None:
        """Return how the asker must stand to the thing; None for public routes."""
        return POLICY[self.action].relation if self.action is not None else None

    @property
    def page(self) -> bool:
        """Tell whether browsers rather than programs ask for it."""
        return not self.path.startswith(API)


def list_declarations(app: FastAPI) -> list[Declaration]:
    """Return one entry per route and method. Raises UndeclaredActionError."""
    for strange in undeclarable(app):
        raise UndeclaredActionError(f"{strange} cannot declare an action")
    found = [one for route in _ours(app) for one in _declarations(route)]
    return sorted(found, key=lambda one: (one.path, one.method))


# What paths look like, the most particular ones first, and what they take.
Methods: TypeAlias = list[tuple[re.Pattern[str], frozenset[str]]]


def methods(declared: list[Declaration]) -> Methods:
    """Return which methods the paths take."""
    taken: dict[str, set[str]] = {}
    for one in declared:
        taken.setdefault(one.path, set()).add(one.method)
    particular = sorted(taken.items(), key=lambda one: one[0].count("{"))
    return [(compile_path(path)[0], frozenset(found)) for path, found in particular]


def methods_at(known: Methods, path: str) -> frozenset[str]:
    """Return which methods an address takes."""
    return next((taken for shape, taken in known if shape.match(path)), frozenset())


def undeclarable(app: FastAPI) -> list[str]:
    """Return what an application serves besides routes that can declare what they do.

    Sockets, mounted applications and bare routes would be served without anybody being asked.
    """
    return [
        f"{type(route.original_route).__name__} {route.path}"
        for route in iter_route_contexts(app.routes)
        if not isinstance(route.original_route, APIRoute)
        and not is_frameworks(app, route.original_route)
    ]


def is_frameworks(app: FastAPI, route: BaseRoute) -> bool:
    """Tell whether the framework itself made a route: the one of the OpenAPI document."""
    return (
        type(route) is Route
        and (route.name, route.path) == ("openapi", app.openapi_url)
        and route.endpoint.__module__ == FastAPI.__module__
    )


def versioned(app: FastAPI) -> frozenset[Endpoint]:
    """Return the API's endpoints that show what can be changed at the same path."""
    found = [route for route in _ours(app) if (route.path or "").startswith(API)]
    changed = {route.path for route in found if CHANGES & (route.methods or set())}
    return frozenset(
        route.endpoint
        for route in found
        if route.path in changed and "GET" in (route.methods or set()) and route.endpoint
    )


def asking(app: FastAPI) -> list[re.Pattern[str]]:
    """Return what the paths look like of what only asks, and so need not be done once."""
    marked = [one for one in _ours(app) if getattr(one.endpoint, answers.ASKS, False)]
    return [compile_path(route.path or "")[0] for route in marked]


def _ours(app: FastAPI) -> Iterator[RouteContext]:
    # Included routers are not flattened into app.routes, so ask for what they really serve.
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            yield route


def _declarations(route: RouteContext) -> Iterator[Declaration]:
    said = authz.declared(route.endpoint)
    path = route.path or ""
    if said is None:
        raise UndeclaredActionError(f"{path} declares no action: put @action(Action.…) on it")
    asked = authz.action_of(route.endpoint)
    dependant: Dependant = route.dependant
    if asked is not None and require_actor not in _calls(dependant):
        raise UndeclaredActionError(f"{path} declares {asked} and never asks who is there")
    reason = "" if asked is not None else said.removeprefix("public: ")
    for method in sorted(route.methods or ()):
        yield Declaration(method, path, asked, tuple(_named_in(dependant)), reason)


def _calls(dependant: Dependant) -> Iterator[Callable[..., object] | None]:
    yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)


def _named_in(dependant: Dependant) -> Iterator[str]:
    for one in dependant.path_params:
        yield f"path.{one.name}"
    for one in dependant.query_params:
        if _names_a_thing(one.name):
            yield f"query.{one.name}"
    for one in dependant.body_params:
        yield from _inside(one.field_info.annotation, "body")
    for below in dependant.dependencies:
        yield from _named_in(below)


def _inside(model: object, where: str) -> Iterator[str]:
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return
    for name, field in model.model_fields.items():
        if _names_a_thing(name):
            yield f"{where}.{name}"
        yield from _inside(field.annotation, f"{where}.{name}")


def _names_a_thing(name: str) -> bool:
    return name in _NAMES or name.endswith("_id")
