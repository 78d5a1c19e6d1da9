"""What all parts of the driver share for one cluster: the client, the tasks, the turns."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, tasks as upids
from stead.engines.drivers.proxmox.client import Json, ProxmoxClient, number, rows
from stead.engines.drivers.proxmox.directory import Directory
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found, Site
from stead.engines.drivers.proxmox.tasks import Tasks, Upid
from stead.engines.scheduler import Lock, Scheduler, Scope, Turn
from stead.engines.values import EngineTask
from stead.kit import clock

# Longer than any task of a single guest; a lost watcher must not block a guest for ever.
_HOLD_SECONDS: Final = 3600
DONE: Final = EngineTask("", done=True)


@dataclass
class Engine:
    """One cluster, as the parts of the driver see it."""

    client: ProxmoxClient
    tasks: Tasks
    directory: Directory
    scheduler: Scheduler
    site: Site
    held: set[asyncio.Task[None]] = field(default_factory=set)
    # The guests of the last list that could be believed.
    seen: frozenset[int] | None = None

    async def run(
        self, who: str, locks: tuple[Lock, ...], ask: Callable[[], Awaitable[Upid | None]]
    ) -> Upid | None:
        """Ask for work in turn, and keep the turn until its task has ended, whoever waits."""
        turn = await self.scheduler.take(who, *locks)
        begun, upid, refused = clock.monotonic(), None, False
        try:
            upid = await ask()
        except errors.LockedError:
            refused = True
            raise
        finally:
            if upid is None:
                self.scheduler.release(turn, refused=refused)
        if upid is not None:
            self._touch(upid)
            self._keep(turn, upid, clock.monotonic() - begun)
        return upid

    def guest_turn(self, name: str) -> Lock:
        """Return the lock of one guest; its name is known before its number is."""
        return Lock(Scope.GUEST, name)

    async def require_quorum(self) -> None:
        """Raise Unreachable without a quorum: a deletion would take the disks and then fail."""
        try:
            status = rows(await self.client.call(calls.CLUSTER_STATUS, "check its quorum"))
        except errors.ForbiddenError:
            if len(rows(await self.client.call(calls.NODES, "list its nodes"))) == 1:
                return
            raise
        cluster = [row for row in status if row.get("type") == "cluster"]
        if any(not number(row.get("quorate")) for row in cluster):
            raise errors.UnreachableError(
                "The cluster has no quorum, so nothing is deleted",
                hint="Bring the missing nodes back",
            )

    async def settle(self, text: str, doing: str) -> None:
        """Wait for a task and for what its exit status keeps silent about."""
        upid = upids.parse(text)
        await self.tasks.finish(upid, doing)
        if upid.kind == "resize" and "Failed to update the container" in await self.tasks.log(
            upid
        ):
            raise errors.TaskFailedError(
                f"Proxmox could not {doing}: the disk grew and its file system did not",
                native=await self.tasks.log(upid),
                hint="Stop the guest and resize it again",
            )
        if upid.kind in {"vzshutdown", "qmshutdown"}:
            await self._stopped(upid, doing)

    async def close(self) -> None:
        """Give up what is still held and close the connections."""
        for task in self.held:
            task.cancel()
        await asyncio.gather(*self.held, return_exceptions=True)
        await self.tasks.close()
        await self.client.close()

    async def _stopped(self, upid: Upid, doing: str) -> None:
        """A shutdown that ran out of time ends well, and only its log says so."""
        log = await self.tasks.log(upid)
        if "--timeout" not in log or "failed" not in log:
            return
        family = next(f for f in BY_KIND.values() if (f.native == "lxc") == (upid.kind[0] == "v"))
        found = Found(int(upid.guest), upid.node, family.kind)
        now = await self.directory.fresh(found)
        if now is not None and await self.directory.state(now) == "running":
            raise errors.TaskFailedError(
                f"Proxmox could not {doing}: the guest did not shut down in time", native=log
            )

    def _keep(self, turn: Turn, upid: Upid, seconds: float) -> None:
        task = asyncio.create_task(self._release(turn, upid, seconds))
        self.held.add(task)
        task.add_done_callback(self.held.discard)

    async def _release(self, turn: Turn, upid: Upid, seconds: float) -> None:
        try:
            async with asyncio.timeout(_HOLD_SECONDS):
                await self.tasks.ended(upid)
        except (errors.EngineError, TimeoutError):
            # How it ended is for whoever settles it; the turn is over in any case.
            return
        finally:
            self._touch(upid)
            self.scheduler.release(turn, seconds=seconds)

    def _touch(self, upid: Upid) -> None:
        if upid.guest.isdigit():
            self.directory.touched(int(upid.guest))


def accepted(answer: Json) -> Upid:
    """Return the task that an answer names."""
    return upids.parse(str(answer))
