"""Pages that are read from their table one at a time."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.factories.durable import World, submit

from stead.core.db import Database
from stead.core.durable import OperationRow
from stead.core.keyset import sliced
from stead.core.paging import BadListError, Place, Slice

COLUMNS = {
    "created_at": OperationRow.created_at,
    "title": OperationRow.title,
    "fence": OperationRow.fence,
    "id": OperationRow.id,
}
MOMENTS = [datetime(2026, 1, 1, 12, 0, 0, microsecond, UTC) for microsecond in (1, 1, 1, 2, 3)]


async def made(database: Database) -> list[OperationRow]:
    """Return operations of which some are of the same moment."""
    for number in range(5):
        await submit(database, World().plan(), f"thing:{number}")
    async with database.write() as uow:
        rows = list(await uow.session.scalars(select(OperationRow).order_by(OperationRow.id)))
        for number, row in enumerate(rows):
            row.created_at, row.title, row.fence = MOMENTS[number], f"{number % 2} ö", number
    return rows


async def read(database: Database, wanted: Slice) -> list[OperationRow]:
    query = sliced(select(OperationRow), wanted, COLUMNS, OperationRow.id)
    async with database.read() as uow:
        return list(await uow.session.scalars(query))


def place(row: OperationRow, field: str) -> Place:
    value = getattr(row, field)
    return (True, value.timestamp() if isinstance(value, datetime) else value), row.id


@pytest.mark.parametrize("field", COLUMNS)
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_together_are_everything_once_and_in_order(
    database: Database, field: str, *, descending: bool
):
    rows = await made(database)
    walked: list[OperationRow] = []
    while page := await read(
        database,
        Slice(2, field, descending, place(walked[-1], field) if walked else None, {}),
    ):
        assert len(page) <= 2
        walked += page
    rows.sort(key=lambda row: (getattr(row, field), row.id), reverse=descending)
    assert [row.id for row in walked] == [row.id for row in rows]


async def test_what_was_deleted_meanwhile_moves_nothing(database: Database):
    rows = await made(database)
    after = place(rows[1], "created_at")
    async with database.write() as uow:
        await uow.session.delete(await uow.session.get_one(OperationRow, rows[1].id))
    page = await read(database, Slice(2, "created_at", False, after, {}))
    assert [row.id for row in page] == [rows[2].id, rows[3].id]


async def test_a_page_leaves_what_fits(database: Database):
    rows = await made(database)
    page = await read(database, Slice(9, "id", False, None, {"title": "1 ö"}))
    assert [row.id for row in page] == [rows[1].id, rows[3].id]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "now"),
        ("created_at", 1e300),
        ("created_at", None),
        ("title", 1),
        ("fence", True),
        ("fence", "1"),
    ],
)
def test_a_cursor_of_another_list_is_refused(field: str, value: object):
    wanted = Slice(2, field, False, ((True, value), "x"), {})
    with pytest.raises(BadListError):
        sliced(select(OperationRow), wanted, COLUMNS, OperationRow.id)
