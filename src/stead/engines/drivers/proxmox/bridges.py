"""Finds the bridge of a network; its name is ours, within what Proxmox takes."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Json, rows, table
from stead.engines.drivers.proxmox.engine import Engine

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{1,14}")


async def find(engine: Engine, node: str, name: str) -> Mapping[str, Json] | None:
    """Return a bridge of a node that is in use, not one that is only staged."""
    answer = await engine.client.call(
        calls.NETWORK, "show its network", {"type": "any_bridge"}, node=node
    )
    for row in rows(answer):
        if row.get("iface") == name and row.get("active", 1):
            return table(row)
    return None


async def of_guest(engine: Engine, node: str, network: str) -> Mapping[str, Json]:
    """Return the bridge that a guest is to be on. Raises NotFound."""
    name = name_of(network) if network else engine.site.bridge
    found = await find(engine, node, name)
    if found is None:
        raise errors.NotFoundError(f"The node {node} has no network {network or name}")
    return found


def name_of(network: str) -> str:
    """Return the name of a network's bridge; Proxmox takes no hyphens and few characters."""
    if _NAME.fullmatch(network):
        return network
    return "st" + hashlib.sha256(network.encode()).hexdigest()[:12]
