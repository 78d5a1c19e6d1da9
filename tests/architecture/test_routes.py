"""No route without a declared action, found by what the application really serves."""

import pytest
from fastapi import APIRouter, FastAPI

from stead.core.authz import Action, action
from stead.entrypoints import api


def _app(*, declared: bool) -> FastAPI:
    router = APIRouter(prefix="/things")

    @router.get("")
    def endpoint() -> None: ...

    if declared:
        action(Action.CATALOG_READ)(endpoint)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    return app


def test_a_route_without_an_action_keeps_the_server_from_starting():
    with pytest.raises(api.UndeclaredActionError, match="/things"):
        api._finish(_app(declared=False))


def test_a_declared_route_is_served():
    api._finish(_app(declared=True))
