"""Lets what several tasks want written in the same moment share one transaction.

Beginning a transaction, syncing its commit and waking up again costs more than what most of
them write. On SQLite, where only one can be written at a time, those who come while another
is on its way are written together by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from stead.core import sqlite
from stead.core.bus import StoppingError
from stead.core.db import Database, Uow
from stead.core.db_errors import DatabaseUnavailableError

Item = TypeVar("Item")
# Requests wait while so many are written, with all that is written down along with the end of an
# operation: with 32 they took several times as long, with these no longer than with one.
MOST: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Wish(Generic[Item]):
    item: Item
    outcome: sqlite.Firm[None]


class Together(Generic[Item]):
    """Writes items with ``write``, which gets some of them and a unit of work.

    When it raises, nothing of that unit stays and each item is written by itself, so that
    only those get to know of an error whose own it is.
    """

    def __init__(
        self, database: Database, write: Callable[[Uow, Sequence[Item]], Awaitable[None]]
    ) -> None:
        self.database = database
        self._write = write
        # Whoever comes first must not lend the others what it is bound to.
        self._context = copy_context()
        self._wishes: list[_Wish[Item]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> None:
        """Return once the item is committed, and raise what keeps it from being.

        A task that is cancelled meanwhile is cancelled once that is known.
        """
        if not self.database.sqlite:
            # PostgreSQL shares its syncs by itself, and one row that is held stops nobody else.
            await self._alone(item)
            return
        wish = _Wish(item, sqlite.Firm(loop=asyncio.get_running_loop()))
        self._wishes.append(wish)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), context=self._context)
        await sqlite.see_through(wish.outcome)

    async def _work(self) -> None:
        try:
            while self._wishes:
                await self._some()
        finally:
            self._task = None
            _fail(self._wishes, StoppingError("The server is stopping"))

    async def _some(self) -> None:
        wishes: list[_Wish[Item]] = []
        try:
            async with self.database.write() as uow:
                # Only now, for more have come while others had their turn.
                wishes, self._wishes = self._wishes[:MOST], self._wishes[MOST:]
                await self._write(uow, [wish.item for wish in wishes])
        except DatabaseUnavailableError as error:
            _fail(wishes or self._wishes, error)
        except Exception as error:  # noqa: BLE001  (whoever waits gets whatever it is)
            await self._each(wishes, error)
        else:
            for wish in wishes:
                wish.outcome.set_result(None)
        finally:
            # Only a loop that ends comes here with some that know nothing yet.
            _fail(wishes, StoppingError("The server is stopping"))

    async def _each(self, wishes: list[_Wish[Item]], error: Exception) -> None:
        if len(wishes) <= 1:
            _fail(wishes or self._wishes, error)
            return
        for wish in wishes:
            try:
                await self._alone(wish.item)
            except Exception as own:  # noqa: BLE001  (whoever waits gets whatever it is)
                _fail([wish], own)
            else:
                wish.outcome.set_result(None)

    async def _alone(self, item: Item) -> None:
        async with self.database.write() as uow:
            await self._write(uow, [item])


def _fail(wishes: list[_Wish[Item]], error: Exception) -> None:
    while wishes:
        outcome = wishes.pop().outcome
        if not outcome.done():
            outcome.set_exception(error)
