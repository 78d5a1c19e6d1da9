"""Stops what a worker does once its lease may have run out, by its own clock.

A process that was frozen wakes up in the middle of a step and would go on with it, although
somebody else has taken over. So a step is resumed only while the lease is known to last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Leashed(Generic[Result]):
    """Awaits some work as long as ``held`` says so, which is asked before each of its moves.

    Then the work is cancelled: what it has begun stays, and it begins nothing more.
    """

    def __init__(self, work: Awaitable[Result], held: Callable[[], bool]) -> None:
        self._work = work
        self._held = held

    def __await__(self) -> Generator[Any, Any, Result]:
        """Pass on whatever the work waits for, and what comes back."""
        moves = self._work.__await__()
        move: Callable[[], Any] = partial(next, moves)
        lost = False
        while True:
            if not lost and not self._held():
                lost = True
                move = partial(moves.throw, asyncio.CancelledError())
            try:
                awaited = move()
            except StopIteration as end:
                result: Result = end.value
                return result
            try:
                got = yield awaited
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (the work's own)
                move = partial(moves.throw, error)
            else:
                move = partial(moves.send, got)
