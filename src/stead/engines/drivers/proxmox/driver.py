"""The Proxmox driver: containers, and virtual machines cloned from templates.

Guests of others on the same cluster are listed and never touched: every change begins by
finding our own record in the guest's description.
"""

import asyncio
from functools import partial
from typing import Final

from stead.engines import errors, limits
from stead.engines.capabilities import Capabilities
from stead.engines.drivers.proxmox import calls, capabilities, mapping, sight, tasks
from stead.engines.drivers.proxmox.client import Param, rows, table
from stead.engines.drivers.proxmox.engine import DONE
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.firewall import FirewallCalls
from stead.engines.drivers.proxmox.images import ImageCalls
from stead.engines.drivers.proxmox.injection import InjectionCalls
from stead.engines.drivers.proxmox.making import making
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.networks import NetworkCalls
from stead.engines.drivers.proxmox.part import task
from stead.engines.drivers.proxmox.pools import PoolCalls
from stead.engines.drivers.proxmox.resize import ResizeCalls
from stead.engines.drivers.proxmox.snapshots import SnapshotCalls, restoring
from stead.engines.drivers.proxmox.stored import StoredBackupCalls
from stead.engines.drivers.proxmox.surveying import SurveyCalls
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.drivers.proxmox.usage import UsageCalls
from stead.engines.drivers.proxmox.waiting import WaitingCalls
from stead.engines.drivers.proxmox.warm import WarmCalls
from stead.engines.values import EngineTask, Guest, GuestSpec, GuestState, Health

_SHUTDOWN_SECONDS: Final = 60


class ProxmoxDriver(
    NetworkCalls,
    SnapshotCalls,
    ResizeCalls,
    ImageCalls,
    UsageCalls,
    InjectionCalls,
    StoredBackupCalls,
    FirewallCalls,
    PoolCalls,
    SurveyCalls,
    WarmCalls,
    WaitingCalls,
):
    """Implements the engine port for one cluster."""

    async def health(self) -> Health:
        version = table(await self.engine.client.call(calls.VERSION, "describe itself"))
        nodes = rows(await self.engine.client.call(calls.NODES, "list its nodes"))
        return Health(
            version=str(version.get("version", "")),
            nodes=tuple(sorted(str(row.get("node")) for row in nodes)),
            engine="proxmox",
        )

    async def capabilities(self, pool: str = "") -> Capabilities:
        return await capabilities.record(self.engine, pool)

    async def inventory(self) -> tuple[Guest, ...]:
        directory = self.engine.directory
        everybody = await directory.survey()
        await sight.require(self.engine, everybody)
        seen = [found for found in everybody if not mapping.is_image(found)]
        states = await asyncio.gather(*(directory.listed_state(found) for found in seen))
        return tuple(mapping.guest(*pair) for pair in zip(seen, states, strict=True))

    async def find(self, name: str) -> Guest | None:
        directory = self.engine.directory
        found = await directory.ours(name)
        if found is None:
            everybody = await directory.survey()
            found = next((f for f in everybody if f.name == name and not f.template), None)
        if found is None:
            return None
        try:
            return mapping.guest(found, await directory.state(found))
        except errors.NotFoundError:
            return None

    async def create(self, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        return await self.maker.create(spec)

    async def start(self, name: str) -> EngineTask:
        return task(await self.change(name, self._start))

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        try:
            return task(await self.change(name, partial(self._stop, force=force)))
        except errors.NotFoundError:
            return DONE

    async def delete(self, name: str) -> EngineTask:
        try:
            return task(await self.change(name, self._delete))
        except errors.NotFoundError:
            return DONE

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        if task.done or not task.native_id:
            return
        try:
            async with asyncio.timeout(limit_seconds):
                await self._settle(task.native_id)
        except TimeoutError as error:
            raise errors.OutcomeUnknownError(
                f"Proxmox has not finished within {limit_seconds:g} seconds"
            ) from error

    async def close(self) -> None:
        await self.engine.close()

    async def _settle(self, native_id: str) -> None:
        made, rolled_back = making(native_id), restoring(native_id)
        if made is not None:
            await self._made(*made)
        elif rolled_back is not None:
            await self.put_back(rolled_back)
        else:
            await self.engine.settle(native_id, "finish a task")

    async def _made(self, found: Found, upid: str) -> None:
        if upid:
            await self.engine.tasks.finish(tasks.parse(upid), "create the guest")
        now = await self.engine.directory.quiet(found, limit_seconds=600)
        if now is not None:
            async with self.engine.scheduler.turn(now.name, self.engine.guest_turn(now.name)):
                await self.maker.finish(now)

    async def _start(self, found: Found) -> Upid | None:
        await self.maker.finish(found)
        try:
            if await self._runs(found):
                return None
            return await self.ask(BY_KIND[found.kind].start, "start a guest", found)
        except errors.ConflictError:
            if await self._runs(found):
                return None
            raise

    async def _stop(self, found: Found, *, force: bool) -> Upid | None:
        family = BY_KIND[found.kind]
        if not await self._runs(found):
            return None
        patience: dict[str, Param] = {"timeout": _SHUTDOWN_SECONDS, "forceStop": False}
        try:
            if force:
                return await self.ask(family.stop, "stop a guest", found)
            return await self.ask(family.shutdown, "shut a guest down", found, patience)
        except errors.ConflictError:
            if not await self._runs(found):
                return None
            raise

    async def _delete(self, found: Found) -> Upid | None:
        if await self._runs(found):
            raise errors.ConflictError(f"{found.name} runs: stop it before it is deleted")
        await self.engine.require_quorum()
        family = BY_KIND[found.kind]
        if found.record is not None and found.record.plan is not None:
            # A clone that was never finished still has the protection of its source.
            off: dict[str, Param] = {"protection": False}
            where: dict[str, str | int] = {"node": found.node, "vmid": found.vmid}
            await self.engine.client.call(family.update, "delete a guest", off, **where)
        params: dict[str, Param] = {"purge": True, "destroy-unreferenced-disks": True}
        return await self.ask(family.delete, "delete a guest", found, params)

    async def _runs(self, found: Found) -> bool:
        return await self.engine.directory.state(found) is GuestState.RUNNING
