"""Time that tests may speed up, hold and push: what waits in the double waits on this."""

import asyncio
import contextlib
import heapq
import itertools

from stead.kit.clock import monotonic, utc_now

SETTLE_ROUNDS = 30


class Clock:
    """Runs ``speed`` seconds a second; at speed 0 it moves only when pushed."""

    def __init__(self, speed: float = 1, epoch: float | None = None) -> None:
        self.speed = speed
        self._now = utc_now().timestamp() if epoch is None else epoch
        self._read = monotonic()
        self._order = itertools.count()
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Return the present, in seconds since 1970."""
        read = monotonic()
        self._now += (read - self._read) * self.speed
        self._read = read
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on so far."""
        if seconds <= 0:
            return
        due: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self.now() + seconds, next(self._order), due))
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        self._changed.set()
        await due

    @property
    def waiting(self) -> bool:
        """Whether anything waits for the clock."""
        return any(not due.done() for _, _, due in self._timers)

    async def advance(self, seconds: float) -> None:
        """Push the clock, letting everything on the way happen in its order."""
        end = self.now() + seconds
        await settle()
        while (at := self._next()) is not None and at <= end:
            await self._jump(at)
        self._now = max(self._now, end)
        self._changed.set()

    async def step(self) -> bool:
        """Push the clock to whatever is due next; False when nothing is."""
        at = self._next()
        if at is None:
            return False
        await self._jump(at)
        return True

    async def aclose(self) -> None:
        """Stop ticking."""
        if self._ticker:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker

    def _next(self) -> float | None:
        while self._timers and self._timers[0][2].done():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    async def _jump(self, at: float) -> None:
        self._now = max(self.now(), at)
        self._fire()
        await settle()

    def _fire(self) -> None:
        present = self.now()
        while (at := self._next()) is not None and at <= present:
            heapq.heappop(self._timers)[2].set_result(None)

    async def _tick(self) -> None:
        while (at := self._next()) is not None:
            self._changed.clear()
            wait = None if self.speed <= 0 else max(0.0, (at - self.now()) / self.speed)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
            self._fire()


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(SETTLE_ROUNDS):
        await asyncio.sleep(0)
