"""Other limits for a guest that is there."""

from collections.abc import Mapping
from typing import Final

from stead.engines import errors, limits
from stead.engines.drivers.proxmox.client import Param
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part, task
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.values import EngineTask, GuestSize

_GIB: Final = 2**30


class ResizeCalls(Part):
    """The port's resize."""

    async def resize(self, name: str, size: GuestSize) -> EngineTask:
        limits.check_size(size)

        async def act(found: Found) -> Upid | None:
            await self.maker.finish(found)
            now = await self.engine.directory.fresh(found) or found
            if size.disk_gb * _GIB < now.disk_bytes:
                raise errors.InvalidError(f"The disk of {name} is larger already")
            where: Mapping[str, str | int] = {"node": now.node, "vmid": now.vmid}
            limit: dict[str, Param] = {"cores": size.cores, "memory": size.memory_mb}
            family, call = BY_KIND[now.kind], self.engine.client.call
            await call(family.update, "resize a guest", limit, **where)
            if size.disk_gb * _GIB == now.disk_bytes:
                return None
            grown: dict[str, Param] = {"disk": now.root, "size": f"{size.disk_gb}G"}
            return await self.ask(family.resize, "resize a guest", now, grown)

        return task(await self.change(name, act))
