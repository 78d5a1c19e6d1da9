"""No route without a declared action, found by what the application really serves."""

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

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
