"""Gives guests that were made beforehand to whoever needs one."""

from dataclasses import replace

from stead.engines import errors, limits
from stead.engines.drivers.proxmox import bridges, mapping
from stead.engines.drivers.proxmox.client import Param
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.making import as_task
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.values import EngineTask, GuestSpec, GuestState

_GIB = 2**30


class WarmCalls(Part):
    """Makes a guest that never ran another one."""

    async def reassign(self, name: str, spec: GuestSpec) -> EngineTask:
        """Write name and plan at once, as a copy has them, and finish it like one."""
        limits.check_spec(spec)
        existing = await self.maker.existing(spec.name, spec.key, image=False)
        if existing is not None:
            return existing
        given: list[Found] = []

        async def act(found: Found) -> Upid | None:
            if await self.engine.directory.state(found) is not GuestState.STOPPED:
                raise errors.ConflictError(f"{name} is not stopped")
            if spec.kind is not found.kind:
                raise errors.InvalidError(f"{name} is a {found.kind} and stays one")
            if spec.disk_gb * _GIB < found.disk_bytes:
                raise errors.InvalidError(f"The disk of {name} is larger already")
            bridge = await bridges.of_guest(self.engine, found.node, spec.network)
            plan = mapping.plan_of(spec, self.engine.site, bridge)
            family, record = BY_KIND[found.kind], mapping.record_of(spec, plan)
            form: dict[str, Param] = {
                family.name: spec.name,
                "description": mapping.description(record),
                "digest": str(found.config.get("digest", "")),
            }
            await self.engine.client.call(
                family.update, "give it away", form, node=found.node, vmid=found.vmid
            )
            self.engine.directory.touched(found.vmid)
            # With its plan, so that settling makes it what it is to be.
            given.append(replace(found, record=record))
            return None

        await self.change(name, act)
        return as_task(given[0])
