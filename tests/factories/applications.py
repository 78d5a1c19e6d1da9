"""Console and API for one test after the other: their routes take longer than most tests."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from stead.core.http import Provided
from stead.entrypoints.api import control_app, control_routes

_spare: list[FastAPI] = []
_lent: dict[int, FastAPI] = {}


def lend(provided: Provided) -> ASGIApp:
    """Return console and API with these services, on routes that nobody else uses meanwhile."""
    routes = _spare.pop() if _spare else control_routes()
    _lent[id(provided)] = routes
    return control_app(provided, routes)


def give_back(provided: Provided) -> None:
    """Let the next test have the routes, as they were made; nothing happens if none were lent."""
    routes = _lent.pop(id(provided), None)
    if routes is None:
        return
    routes.dependency_overrides.clear()
    routes.openapi_schema = None
    routes.state.provided = None
    _spare.append(routes)
