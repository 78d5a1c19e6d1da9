"""Whose turn it is to write: requests that somebody waits for go before work that nobody sees."""

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import Final

# Work that started while somebody waited must get its turn too.
AHEAD: Final = 4
# Tasks that are started by one in the background are there as well.
background: ContextVar[bool] = ContextVar("background", default=False)


class Turns:
    """A lock. Of those who wait the first goes next, and background work behind the others."""

    def __init__(self) -> None:
        self._taken = False
        self._ahead = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._patient if background.get() else self._urgent).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        while turn := self._next():
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False

    def _next(self) -> asyncio.Future[None] | None:
        others_first = self._patient and self._ahead >= AHEAD
        if self._urgent and not others_first:
            self._ahead += 1
            return self._urgent.popleft()
        self._ahead = 0
        return self._patient.popleft() if self._patient else None
