"""Pages of lists, the same for every list of the API: limit, cursor, sort and filters.

A route says by which fields of its answers it sorts and filters, and gets a ``Page`` that
refuses everything else. ``Link: rel="next"`` leads to the page that follows.
"""

import base64
import binascii
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query, Request, Response
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from stead.core.errors import Kind, SteadError

USUAL: Final = 100
MOST: Final = 200
CURSOR_LENGTH: Final = 1000
_TEXT_LENGTH: Final = 200
Item = TypeVar("Item", bound=BaseModel)
# Nothing comes first, so that the rest can be compared.
Place = tuple[tuple[bool, Any], str]


class BadListError(SteadError):
    """A list cannot be asked for like this."""

    kind = Kind.INVALID
    code = "request.list"


@dataclass(frozen=True, slots=True)
class Slice:
    """What a page needs of its table: one more than it shows tells whether there are more."""

    limit: int
    field: str
    descending: bool
    after: Place | None
    filters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list somebody asks for."""

    limit: int
    sort: str
    after: str
    filters: dict[str, str]
    key: str
    request: Request
    response: Response

    @property
    def field(self) -> str:
        """Return the field to sort by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Tell whether the greatest comes first."""
        return self.sort.startswith("-")

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return this page of a list that is complete, however it is ordered."""
        found = [one for one in items if self._fits(one)]
        found.sort(key=self._place, reverse=self.descending)
        if self.after:
            after = self._read()
            try:
                found = [one for one in found if self._follows(self._place(one), after)]
            except TypeError as error:
                raise bad_cursor() from error
        return self.cut(found)

    @property
    def slice(self) -> Slice:
        """Return what to ask the table for, for lists that are read a page at a time."""
        after = self._read() if self.after else None
        return Slice(self.limit + 1, self.field, self.descending, after, self.filters)

    def cut(self, items: Sequence[Item]) -> list[Item]:
        """Return the first of what follows, and lead to the next page if there is more."""
        shown = list(items[: self.limit])
        if len(items) > self.limit and shown:
            self.lead_after(shown[-1])
        return shown

    def lead_after(self, last: BaseModel) -> None:
        """Tell where the page after the one that ends with this is."""
        text = cursor(self.sort, self._place(last))
        following = self.request.url.include_query_params(cursor=text)
        self.response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'

    def key_after(self) -> str | None:
        """Return the key of the last that was shown; for lists in the order of their keys."""
        return self._read()[1] if self.after else None

    def _read(self) -> Place:
        return place_of(self.after, self.sort)

    def _follows(self, one: Place, after: Place) -> bool:
        return one < after if self.descending else one > after

    def _place(self, one: BaseModel) -> Place:
        value = getattr(one, self.field)
        if isinstance(value, datetime):
            value = value.timestamp()
        return (value is not None, value if value is not None else 0), str(getattr(one, self.key))

    def _fits(self, one: BaseModel) -> bool:
        return all(_equals(getattr(one, name), text) for name, text in self.filters.items())


def cursor(sort: str, place: Place) -> str:
    """Return a place in a list of this order as one word."""
    text = json.dumps([sort, *place])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str, sort: str) -> Place:
    """Return the place that a cursor names. Raises BadListError if it is of another order."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        order, value, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        there, what = value
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise bad_cursor() from error
    if order != sort or not isinstance(key, str) or not isinstance(there, bool):
        raise bad_cursor()
    return (there, what), key


def paged(
    model: type[BaseModel],
    *,
    sorts: Sequence[str],
    default: str = "",
    filters: Sequence[str] = (),
    key: str = "id",
) -> Callable[..., Awaitable[Page]]:
    """Return a dependency for lists of this model; ``key`` is unique among its items.

    ``default`` is the order of who asks for none, by the first of ``sorts`` unless told.
    """
    usual = default or sorts[0]
    orders = [order for field in sorts for order in (field, f"-{field}")]
    unknown = {*sorts, *filters, key} - model.model_fields.keys()
    if unknown or usual not in orders:
        raise ValueError(f"{model.__name__} has no {', '.join(sorted(unknown)) or usual}")

    async def find(
        request: Request,
        response: Response,
        **asked: Any,  # noqa: ANN401  (of the query)
    ) -> Page:
        _refuse_unknown(request)
        chosen = {name: asked[name] for name in filters if asked[name] is not None}
        sort = asked["sort"]
        if sort not in orders:
            raise BadListError(
                "This list cannot be sorted like that",
                fields={"sort": f"One of {', '.join(orders)}"},
            )
        return Page(asked["limit"], sort, asked["cursor"], chosen, key, request, response)

    find.__signature__ = _signature(orders, usual, filters)  # type: ignore[attr-defined]
    return find


def _signature(orders: list[str], usual: str, filters: Sequence[str]) -> inspect.Signature:
    limit = Query(ge=1, le=MOST, description="How many at most.")
    cursor = Query(max_length=CURSOR_LENGTH, description="From the `Link` of the page before.")
    sort = Query(json_schema_extra={"enum": orders}, description="A field, or -field for last.")
    only = Query(max_length=_TEXT_LENGTH, description="Only those where it is this.")
    given: dict[str, tuple[Any, Any]] = {
        "limit": (Annotated[int, limit], USUAL),
        "cursor": (Annotated[str, cursor], ""),
        "sort": (Annotated[str, sort], usual),
    } | dict.fromkeys(filters, (Annotated[str | None, only], None))
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("request", kind, annotation=Request),
            inspect.Parameter("response", kind, annotation=Response),
            *(
                inspect.Parameter(name, kind, annotation=annotation, default=value)
                for name, (annotation, value) in given.items()
            ),
        ]
    )


def _refuse_unknown(request: Request) -> None:
    """Refuse what this list does not know: a filter that is misspelt must not show all."""
    known = _names(request.scope["route"].dependant)
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise BadListError(
            "This list cannot be asked for that",
            fields={name: f"Known are {', '.join(sorted(known))}" for name in unknown[:10]},
        )


def _names(dependant: Dependant) -> set[str]:
    found = {one.alias for one in dependant.query_params}
    for one in dependant.query_params:
        # A model of the query has the names itself.
        inner = one.field_info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= set(inner.model_fields)
    return found.union(*(_names(below) for below in dependant.dependencies))


def _equals(value: object, text: str) -> bool:
    if isinstance(value, list):
        return text in map(str, value)
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    return value is not None and str(value) == text


def bad_cursor() -> BadListError:
    """Return what somebody hears whose cursor leads nowhere in this list."""
    return BadListError(
        "This cursor is not of this list in this order", fields={"cursor": "Begin without one"}
    )
