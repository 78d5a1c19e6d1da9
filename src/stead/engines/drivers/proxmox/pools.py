"""Pools group a project's guests for people who look at Proxmox itself, and carry rights."""

from contextlib import suppress

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Param
from stead.engines.drivers.proxmox.part import Part


class PoolCalls(Part):
    """Pools of our own."""

    async def ensure_pool(self, pool: str) -> None:
        """Create a pool unless it is there."""
        form = {"poolid": pool, "comment": "Stead"}
        with suppress(errors.ExistsError):
            await self.engine.client.call(calls.POOL_CREATE, "create a pool", form)

    async def join_pool(self, name: str, pool: str) -> None:
        """Put a guest into a pool, out of the one it is in."""
        found = await self.engine.directory.get(name)
        form: dict[str, Param] = {"poolid": pool, "vms": str(found.vmid), "allow-move": True}
        with suppress(errors.ExistsError):
            await self.engine.client.call(calls.POOL_UPDATE, "put a guest into a pool", form)

    async def delete_pool(self, pool: str) -> None:
        """Delete a pool; one that is absent is done. Raises Conflict while it has members."""
        with suppress(errors.NotFoundError):
            await self.engine.client.call(calls.POOL_DELETE, "delete a pool", {"poolid": pool})
