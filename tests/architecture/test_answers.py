"""What is shown once only says so, so that an answer which is told again leaves it out."""

from collections.abc import Iterator
from typing import get_args

from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from tests.support.asked_secrets import TELLING

from stead.core.answers import ShownOnce
from stead.entrypoints import api
from stead.identity.schemas import TokenMadeOut


def _models(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)


def _posted() -> dict[str, list[type[BaseModel]]]:
    return {
        f"{path}": list(_models(getattr(route.original_route, "response_model", None)))
        for router in api.ROUTERS
        for route in iter_route_contexts(router.routes)
        for path in [route.path or ""]
        if "POST" in (route.methods or set())
    }


def _undeclared(models: list[type[BaseModel]]) -> set[str]:
    return {
        f"{model.__name__}.{name}"
        for model in models
        for name in model.model_fields
        if name in TELLING and not (issubclass(model, ShownOnce) and name in model.once)
    }


def test_answers_to_posts_say_what_is_shown_once():
    posted = _posted()
    assert [TokenMadeOut] in posted.values()
    assert {path: found for path, models in posted.items() if (found := _undeclared(models))} == {}


def test_what_is_shown_once_can_be_left_out():
    for models in _posted().values():
        for model in models:
            for name in getattr(model, "once", ()):
                kind = model.model_fields[name].annotation
                assert type(None) in get_args(kind) or kind == list[str], (model, name)


def test_an_undeclared_secret_would_be_noticed():
    class Careless(BaseModel):
        token: str

    assert _undeclared([Careless]) == {"Careless.token"}
