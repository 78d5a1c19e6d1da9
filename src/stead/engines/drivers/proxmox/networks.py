"""Bridges of our own, on every node alike. The nodes' files are shared with administrators.

Changes are staged in one file per node and applied all together, everybody's. So nothing is
staged while somebody else's edits wait there, and nothing is applied with them.
"""

import asyncio
import re
from contextlib import suppress
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import bridges, calls, placing
from stead.engines.drivers.proxmox.client import Param
from stead.engines.drivers.proxmox.part import Part
from stead.engines.scheduler import Lock, Scope
from stead.engines.values import NetworkSpec

_OURS: Final = "made by Stead"
_NAMED: Final = re.compile(r"^[+-](?:auto|iface|allow-\w+)\s+(\S+)", re.MULTILINE)


class NetworkCalls(Part):
    """The port's networks."""

    async def ensure_network(self, spec: NetworkSpec) -> None:
        nodes = await placing.online_nodes(self.engine.client, self.engine.site)
        await asyncio.gather(*(self._ensure(node, spec) for node in nodes))

    async def _ensure(self, node: str, spec: NetworkSpec) -> None:
        name = bridges.name_of(spec.name)
        if await bridges.find(self.engine, node, name) is not None:
            return
        lock = Lock(Scope.NODE, f"{node}/network")
        async with self.engine.scheduler.turn(spec.name, lock):
            if await bridges.find(self.engine, node, name) is None:
                await self._make(node, name, spec)

    async def _make(self, node: str, name: str, spec: NetworkSpec) -> None:
        call, doing = self.engine.client.call, "create a bridge"
        if await self._staged(node):
            raise errors.LockedError(
                f"Somebody has staged network changes on {node} that are not applied yet",
                hint=f"Apply or revert them in Proxmox, under {node} > System > Network",
            )
        with suppress(errors.ExistsError):
            form: dict[str, Param] = {
                "iface": name,
                "type": "bridge",
                "cidr": f"{spec.gateway}/{spec.cidr.prefixlen}",
                "autostart": True,
                "comments": _OURS,
            }
            await call(calls.BRIDGE_CREATE, doing, form, node=node)
        others = await self._staged(node) - {name}
        if others:
            # Somebody staged something at the same moment: ours is taken back, theirs stays.
            await call(calls.BRIDGE_DELETE, doing, node=node, iface=name)
            raise errors.LockedError(
                f"Somebody is changing {', '.join(sorted(others))} on {node} just now"
            )
        answer = await call(calls.NETWORK_APPLY, "apply a bridge", node=node)
        await self.engine.settle(str(answer), "apply a bridge")

    async def _staged(self, node: str) -> set[str]:
        """Return the interfaces that are staged and not applied."""
        answer = await self.engine.client.envelope(calls.NETWORK, "show its network", node=node)
        return set(_NAMED.findall(str(answer.get("changes") or "")))
