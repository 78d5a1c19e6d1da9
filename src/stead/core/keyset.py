"""Asks a table for one page of a list, so that a long list costs what is shown of it.

A page begins after the last row of the one before, by the column that it is sorted by and
then by the key. What was added or deleted meanwhile moves nothing from page to page.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from stead.core.db import UtcDateTime
from stead.core.paging import Slice, bad_cursor

Query = TypeVar("Query", bound=Select[Any])
Column = InstrumentedAttribute[Any]


def sliced(query: Query, wanted: Slice, columns: Mapping[str, Column], key: Column) -> Query:
    """Return the query for a page; ``columns`` are those of what is sorted and filtered by.

    None of them is ever empty. Raises BadListError for a cursor that leads nowhere.
    """
    column = columns[wanted.field]
    for name, text in wanted.filters.items():
        query = query.where(columns[name] == text)
    if wanted.after is not None:
        query = query.where(_behind(wanted, column, key))
    places = [column] if column is key else [column, key]
    order = [place.desc() for place in places] if wanted.descending else places
    return query.order_by(*order).limit(wanted.limit)


def _behind(wanted: Slice, column: Column, key: Column) -> ColumnElement[bool]:
    (_, value), last = wanted.after or ((False, None), "")
    place = _as_in(column, value)
    if column is key:
        return column < place if wanted.descending else column > place
    if wanted.descending:
        return or_(column < place, and_(column == place, key < last))
    return or_(column > place, and_(column == place, key > last))


def _as_in(column: Column, value: object) -> object:
    """Return what a cursor says as the database compares it."""
    if isinstance(column.type, UtcDateTime):
        try:
            return datetime.fromtimestamp(float(str(value)), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise bad_cursor() from error
    if type(value) is not column.type.python_type:
        raise bad_cursor()
    return value
