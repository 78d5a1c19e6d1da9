"""What answers say of themselves: what is shown once only, and what is not part of a version.

Response models declare it; whoever stands in front of the routes acts on it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, TypeVar, get_args

from pydantic import BaseModel, JsonValue

_LENGTH: Final = 32
ASKS: Final = "__stead_only_asks__"
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


class ShownOnce(BaseModel):
    """An answer with secrets. When it is told again, they are left out and this says so."""

    # Fields that are told once; each can also be null or an empty list.
    once: ClassVar[frozenset[str]] = frozenset()

    shown_already: bool = False


class Versioned(BaseModel):
    """Something people change, with fields that change by themselves and are no new version."""

    volatile: ClassVar[frozenset[str]] = frozenset()


def only_asks(_reason: str) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint that changes nothing here, though it is a POST, and say why it is one.

    Sent again it asks again; no transaction waits for what it asks.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ASKS, True)
        return endpoint

    return mark


def without_secrets(model: object, body: JsonValue) -> JsonValue:
    """Return an answer of this model without what is shown once only."""
    once = frozenset[str]().union(*(m.once for m in _models(model) if issubclass(m, ShownOnce)))
    if not once:
        return body
    if isinstance(body, list):
        return [without_secrets(model, one) for one in body]
    if not isinstance(body, dict):
        return body
    empty: dict[str, JsonValue] = {
        name: [] if isinstance(body.get(name), list) else None for name in once
    }
    return {**body, **empty, "shown_already": True}


def version_of(model: object, body: JsonValue) -> str:
    """Return the entity tag of what is shown, the same until somebody changes it."""
    ignored = frozenset[str]().union(
        *(m.volatile for m in _models(model) if issubclass(m, Versioned))
    )
    text = json.dumps(_lasting(body, ignored), sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]}"'


def version(shown: BaseModel) -> str:
    """Return the entity tag that the API gives for this very thing."""
    return version_of(type(shown), shown.model_dump(mode="json", by_alias=True))


def _lasting(body: JsonValue, ignored: frozenset[str]) -> JsonValue:
    if isinstance(body, list):
        return [_lasting(one, ignored) for one in body]
    if isinstance(body, Mapping):
        return {key: _lasting(one, ignored) for key, one in body.items() if key not in ignored}
    return body


def _models(model: object) -> Iterator[type[BaseModel]]:
    """Return the model of an answer, or those that its type is made of."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield model
    for inner in get_args(model):
        yield from _models(inner)


def response_model(scope: Mapping[str, Any]) -> object:
    """Return what the route that answered a request declares to answer with."""
    return getattr(scope.get("route"), "response_model", None)
