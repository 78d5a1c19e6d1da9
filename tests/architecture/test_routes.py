"""No route without a declared action, found by what the application really serves."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from pydantic import BaseModel
from starlette.responses import PlainTextResponse
from tests.support.attack import surface

from stead.core.authz import Action, Relation, action
from stead.core.http import ActorDep, require_actor
from stead.entrypoints import api, declarations


def _app(*, declared: bool, asks: bool = True) -> FastAPI:
    router = APIRouter(prefix="/things", dependencies=[Depends(require_actor)] if asks else [])

    @router.get("")
    def endpoint() -> None: ...

    if declared:
        action(Action.CATALOG_READ)(endpoint)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    return app


def test_a_route_without_an_action_keeps_the_server_from_starting():
    with pytest.raises(declarations.UndeclaredActionError, match="/things"):
        api._finish(_app(declared=False))


def test_a_declared_route_is_served():
    api._finish(_app(declared=True))


def test_a_route_that_never_asks_who_is_there_keeps_the_server_from_starting():
    with pytest.raises(declarations.UndeclaredActionError, match="never asks who is there"):
        api._finish(_app(declared=True, asks=False))


def test_declarations_tell_where_a_route_names_its_thing():
    class Body(BaseModel):
        project: str
        inside: list[str]

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/api/v1/things/{thing_id}")
    @action(Action.DEPLOYMENT_CREATE)
    def endpoint(thing_id: str, body: Body, actor: ActorDep, owner_id: str = "") -> None: ...

    (found,) = declarations.list_declarations(app)
    assert found.named_in == ("path.thing_id", "query.owner_id", "body.project")
    assert (found.relation, found.page, found.public) == (Relation.PROJECT, False, "")


def _with_socket(app: FastAPI) -> None:
    router = APIRouter(prefix="/things")

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None: ...

    app.include_router(router)


def _with_bare_route(app: FastAPI) -> None:
    app.add_route("/things/bare", PlainTextResponse("hello"))


def _with_mount(app: FastAPI) -> None:
    app.mount("/things/mounted", PlainTextResponse("hello"))


def _with_likeness(app: FastAPI) -> None:
    """Call something of ours what the framework calls its own."""

    async def openapi(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app.add_route("/things/openapi", openapi, name="openapi")


STRANGE = [_with_socket, _with_bare_route, _with_mount, _with_likeness]


@pytest.mark.parametrize("add", STRANGE)
def test_what_cannot_declare_an_action_keeps_the_server_from_starting(
    add: Callable[[FastAPI], None],
):
    app = _app(declared=True)
    add(app)
    with pytest.raises(declarations.UndeclaredActionError, match="/things/"):
        api._finish(app)


@pytest.mark.parametrize("add", STRANGE)
def test_the_attack_finds_what_cannot_declare_an_action(add: Callable[[FastAPI], None]):
    app = _app(declared=True)
    before = set(surface.targets(app))
    surface._targets.cache_clear()
    add(app)
    (found,) = set(surface.targets(app)) - before
    assert not found.is_public
    assert found.path.startswith("/things/")


def test_what_the_framework_itself_serves_is_named():
    app = FastAPI(docs_url=None, redoc_url=None)
    app.add_api_route("/a", action(Action.CATALOG_READ)(lambda: None), methods=["GET"])
    assert declarations.undeclarable(app) == []
    assert declarations.undeclarable(FastAPI()) == [
        "Route /docs",
        "Route /docs/oauth2-redirect",
        "Route /redoc",
    ]
