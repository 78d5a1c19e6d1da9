"""Verbs that list something: the same options for each, and every page that there is."""

import inspect
import json
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
import yaml

from stead.entrypoints.terminal import Json, client, in_columns, say, wrong
from stead.entrypoints.watching import watch

Row = dict[str, Any]
# A verb returns what to ask for, and has options of its own for what the API asks for by name.
Verb = Callable[..., str]


class Output(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")]
Sort = Annotated[
    str, typer.Option("--sort", metavar="FIELD", help="By this field; -FIELD the other way round.")
]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="FIELD=VALUE", help="Only those where it is this."),
]
How = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]

Again = Annotated[
    bool, typer.Option("--watch", "-w", help="Show it again when it changes, until Ctrl-C.")
]


def listing(
    *columns: str,
    shown: Callable[[Row], Row] | None = None,
    usual_limit: int = 0,
    nothing: str = "Nothing here yet",
) -> Callable[[Verb], Callable[..., None]]:
    """Make a listing verb of a function that returns the address of the list.

    ``shown`` makes what the table shows of a row; other forms print what the API says.
    """

    def make(verb: Verb) -> Callable[..., None]:
        @wraps(verb)
        def run(**given: Any) -> None:  # noqa: ANN401  (what Typer read)
            limit, sort, only = (given.pop(name) for name in ("limit", "sort", "only"))
            how, as_json = given.pop("output"), given.pop("as_json")
            how = Output.JSON if as_json else how
            again, api = given.pop("again"), client()
            address = _address(verb(**given), sort, only)

            def look() -> str:
                rows = api.rows(address, limit)
                if how is not Output.TABLE:
                    return _text(rows, how)
                return in_columns([*map(shown, rows)] if shown else rows, columns) or nothing

            if again:
                watch(look)
            else:
                say(look())

        run.__signature__ = _signature(verb, usual_limit)  # type: ignore[attr-defined]
        return run

    return make


def _signature(verb: Verb, usual_limit: int) -> inspect.Signature:
    own = [*inspect.signature(verb).parameters.values()]
    more: dict[str, tuple[Any, Any]] = {
        "limit": (Limit, usual_limit),
        "sort": (Sort, ""),
        "only": (Filter, None),
        "output": (How, Output.TABLE),
        "as_json": (Json, False),
        "again": (Again, False),
    }
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=value)
        for name, (kind, value) in more.items()
    ]
    return inspect.Signature([*own, *options], return_annotation=None)


def _text(rows: list[Row], how: Output) -> str:
    if how is Output.YAML:
        return str(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)).rstrip()
    return json.dumps(rows, indent=2)


def _address(path: str, sort: str, only: list[str] | None) -> str:
    pairs = [("sort", sort)] if sort else []
    for one in only or []:
        name, equals, value = one.partition("=")
        if not name or not equals:
            wrong(f"--filter takes FIELD=VALUE, not {one}")
        pairs.append((name, value))
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}" if pairs else path
