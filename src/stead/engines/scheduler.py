"""Lets work pass in the order and at the pace that an engine can take.

An engine serialises some things itself and refuses what comes too early: clones of one
template, changes of one guest. Whoever is about to ask for such work takes a turn here first,
so that nothing is refused by chance. Drivers hold a turn from before the request until the
engine's own lock is free again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from typing_extensions import override

from stead.kit import clock


class Scope(StrEnum):
    """What an engine locks."""

    GUEST = "guest"
    TEMPLATE = "template"
    STORAGE = "storage"
    NODE = "node"


# One at a time for what engines lock as a whole; the others are paced by how they respond.
_EXCLUSIVE: Final = frozenset({Scope.GUEST, Scope.TEMPLATE})
_FIRST_PACE: Final = 4.0
_MOST_AT_ONCE: Final = 16.0
_SLOW: Final = 3.0
# Who waits behind fifty others is not told of each.
_TELL_SECONDS: Final = 5.0
_LISTENER: Final[ContextVar[Callable[[str], Awaitable[None]] | None]] = ContextVar(
    "listener", default=None
)


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """One thing that an engine locks, by its native name."""

    scope: Scope
    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision for people to read: who waits, for what, and how many come first."""

    who: str
    lock: Lock
    ahead: int

    @override
    def __str__(self) -> str:
        """Say it."""
        return f"waiting for {self.lock.scope} {self.lock.name}, {self.ahead} ahead"


@dataclass(slots=True)
class _Pace:
    """How many may pass at once. Grows while answers come as fast as ever, halves otherwise."""

    limit: float
    adaptive: bool
    held: int = 0
    usual: float = 0.0

    def learn(self, seconds: float, *, refused: bool) -> None:
        if not self.adaptive:
            return
        if refused or (self.usual and seconds > self.usual * _SLOW):
            self.limit = max(1.0, self.limit / 2)
        else:
            self.limit = min(_MOST_AT_ONCE, self.limit + 1 / self.limit)
        if not refused:
            self.usual = self.usual * 0.9 + seconds * 0.1 if self.usual else seconds


@dataclass(eq=False, slots=True)
class Turn:
    """The right to go on, held until ``release``; releasing twice is fine."""

    who: str
    locks: tuple[Lock, ...]
    granted: asyncio.Future[None]
    told: Waiting | None = None
    open: bool = field(default=True)
    news: asyncio.Event = field(default_factory=asyncio.Event)


@contextmanager
def heard_by(listener: Callable[[str], Awaitable[None]]) -> Iterator[None]:
    """Let somebody hear what calls of engines within this block wait for."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


async def _told_meanwhile(turn: Turn) -> None:
    """Wait for a turn, and say at first and then now and again what it waits for."""
    listener, said, at = _LISTENER.get(), None, 0.0
    while not turn.granted.done():
        due = clock.monotonic() - at >= _TELL_SECONDS
        if listener is not None and turn.told not in {None, said} and due:
            said, at = turn.told, clock.monotonic()
            await listener(str(said))
            continue
        turn.news.clear()
        await turn.news.wait()
    await turn.granted


class Scheduler:
    """Queues turns, first come first served for each lock; ``tell`` hears every decision."""

    def __init__(self, tell: Callable[[Waiting], None] = lambda _waiting: None) -> None:
        self._tell = tell
        self._paces: dict[Lock, _Pace] = {}
        self._queue: list[Turn] = []

    async def take(self, who: str, *locks: Lock) -> Turn:
        """Wait until all locks are free together, so that nobody holds one and wants another."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn = Turn(who, tuple(sorted(set(locks))), granted)
        self._queue.append(turn)
        self._advance()
        passed = False
        try:
            await _told_meanwhile(turn)
            passed = True
        finally:
            if not passed:
                self._leave(turn)
        return turn

    def release(self, turn: Turn, *, seconds: float = 0.0, refused: bool = False) -> None:
        """Give a turn back, with how long the engine took and whether it refused for a lock."""
        if not turn.open:
            return
        turn.open = False
        for lock in turn.locks:
            pace = self._paces[lock]
            pace.held -= 1
            if seconds or refused:
                pace.learn(seconds, refused=refused)
            if not pace.held and not pace.adaptive:
                del self._paces[lock]
        self._advance()

    @asynccontextmanager
    async def turn(self, who: str, *locks: Lock) -> AsyncIterator[Turn]:
        """Take a turn for the length of a block."""
        turn = await self.take(who, *locks)
        try:
            yield turn
        finally:
            self.release(turn)

    def waiting(self) -> tuple[Waiting, ...]:
        """Return who waits now, in order, each with the lock that holds it up."""
        return tuple(turn.told for turn in self._queue if turn.told is not None)

    def at_once(self, lock: Lock) -> int:
        """Return how many may hold a lock at once now."""
        return int(self._pace(lock).limit)

    def _leave(self, turn: Turn) -> None:
        if turn in self._queue:
            self._queue.remove(turn)
            self._advance()
        else:
            self.release(turn)

    def _advance(self) -> None:
        """Grant every turn whose locks are free and that nobody before it waits for."""
        wanted: dict[Lock, int] = {}
        left: list[Turn] = []
        for turn in self._queue:
            held_up = self._held_up(turn, wanted)
            if held_up is None and not turn.granted.done():
                for lock in turn.locks:
                    self._paces.setdefault(lock, self._pace(lock)).held += 1
                turn.granted.set_result(None)
                turn.news.set()
                continue
            left.append(turn)
            for lock in turn.locks:
                wanted[lock] = wanted.get(lock, 0) + 1
            if held_up is not None and held_up != turn.told:
                turn.told = held_up
                turn.news.set()
                self._tell(held_up)
        self._queue = left

    def _held_up(self, turn: Turn, wanted: dict[Lock, int]) -> Waiting | None:
        for lock in turn.locks:
            pace = self._pace(lock)
            before = wanted.get(lock, 0)
            if before or pace.held >= int(pace.limit):
                return Waiting(turn.who, lock, pace.held + before)
        return None

    def _pace(self, lock: Lock) -> _Pace:
        exclusive = lock.scope in _EXCLUSIVE
        fresh = _Pace(1.0 if exclusive else _FIRST_PACE, adaptive=not exclusive)
        return self._paces.get(lock, fresh)
