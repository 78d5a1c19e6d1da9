"""What every group of the driver's methods does the same way: one change to one guest."""

from collections.abc import Awaitable, Callable

from stead.engines import errors
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.drivers.proxmox.client import Param
from stead.engines.drivers.proxmox.engine import DONE, Engine, accepted
from stead.engines.drivers.proxmox.making import Maker
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.values import EngineTask


class Part:
    """A group of methods that work on one cluster."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.maker = Maker(engine)

    async def change(
        self, name: str, act: Callable[[Found], Awaitable[Upid | None]]
    ) -> Upid | None:
        """Find our guest, wait until nothing has locked it, and do one thing to it in turn.

        The turn lasts until the task has ended. Raises NotFound.
        """

        async def ask() -> Upid | None:
            found = await self.engine.directory.get(name)
            quiet = await self.engine.directory.quiet(found)
            if quiet is None:
                raise errors.NotFoundError(f"The guest {name} is gone")
            return await act(quiet)

        return await self.engine.run(name, (self.engine.guest_turn(name),), ask)

    async def ask(
        self,
        call: Call,
        doing: str,
        found: Found,
        params: dict[str, Param] | None = None,
        **where: str,
    ) -> Upid:
        """Ask for a task on one guest."""
        answer = await self.engine.client.call(
            call, doing, params, node=found.node, vmid=found.vmid, **where
        )
        return accepted(answer)


def task(upid: Upid | None) -> EngineTask:
    """Return the port's task; none means that there was nothing left to do."""
    return EngineTask(upid.text) if upid is not None else DONE
