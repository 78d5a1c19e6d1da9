"""Locks on files of a node: first come, first served, and given up after a while."""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Callable

from tests.proxmox.call import died
from tests.proxmox.clock import Clock

WAIT_SECONDS = 10


class Locks:
    """Every lock by its name, with whoever waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: set[str] = set()
        self._queues: dict[str, collections.deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def hold(
        self,
        name: str,
        *,
        seconds: float = WAIT_SECONDS,
        log: Callable[[str], None] | None = None,
        complaint: str = "",
    ) -> AsyncIterator[None]:
        """Hold a lock. Dies when it is not free within ``seconds``."""
        await self.take(name, seconds=seconds, log=log, complaint=complaint)
        try:
            yield
        finally:
            self.release(name)

    async def take(
        self,
        name: str,
        *,
        seconds: float = WAIT_SECONDS,
        log: Callable[[str], None] | None = None,
        complaint: str = "",
    ) -> None:
        """Take a lock that another task releases. Dies as ``hold`` does."""
        if name in self._held:
            if log:
                log("trying to acquire lock...")
            await self._wait(name, seconds, complaint)
            if log:
                log(" OK")
        self._held.add(name)

    def grab(self, name: str) -> None:
        """Take a lock from outside, as a process that hangs would."""
        self._held.add(name)

    def release(self, name: str) -> None:
        """Hand a lock to whoever waited longest."""
        queue = self._queues.get(name)
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._held.discard(name)

    def held(self, name: str) -> bool:
        return name in self._held

    async def _wait(self, name: str, seconds: float, complaint: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(name, collections.deque()).append(turn)
        limit = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({turn, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            if turn.done() and not turn.cancelled():
                granted = True
            else:
                granted = False
                turn.cancel()
        if not granted:
            raise died(complaint or f"can't lock file '{name}' - got timeout")


def guest_lock(vmid: int) -> str:
    """Return the name of the lock on a container's config."""
    return f"/run/lock/lxc/pve-config-{vmid}.lock"
