"""Chooses where a new guest goes: its number, its node, its storage, linked or full."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Json, ProxmoxClient, number, rows, table
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found, Site
from stead.engines.values import GuestKind, GuestSpec

ARCHIVE = ":vztmpl/"
_HELD: Final = {
    GuestKind.CONTAINER: ("rootdir", "containers"),
    GuestKind.VM: ("images", "virtual machines"),
}


def numbers(spec: GuestSpec, vmids: range, taken: Collection[int]) -> Iterator[int]:
    """Yield the free numbers for a guest, the same first one on every attempt.

    So a repeated create that lost its answer collides with itself instead of making a second
    guest, and two control planes hardly ever collide. The reserved number comes first.
    """
    if spec.number is not None and spec.number in vmids and spec.number not in taken:
        yield spec.number
    digest = hashlib.sha256(spec.key.encode()).digest()
    start = int.from_bytes(digest[:8], "big") % len(vmids)
    for step in range(len(vmids)):
        vmid = vmids[(start + step) % len(vmids)]
        if vmid not in taken:
            yield vmid


async def is_linked(client: ProxmoxClient, source: Found, pool: str) -> bool:
    """Tell whether a clone may share its disk with its source."""
    if not source.template or (pool and pool != source.storage):
        return False
    call = BY_KIND[source.kind].feature
    answer = await client.call(
        call, "look up its storage", {"feature": "clone"}, node=source.node, vmid=source.vmid
    )
    return bool(number(table(answer).get("hasFeature")))


async def archive_node(client: ProxmoxClient, site: Site, volume: str) -> str:
    """Return the node with the most free memory that has an archive. Raises NotFound."""
    storage = volume.partition(":")[0]
    for node in await online_nodes(client, site):
        content = await client.call(
            calls.STORAGE_CONTENT,
            "list the archives",
            {"content": "vztmpl"},
            node=node,
            storage=storage,
        )
        if any(row.get("volid") == volume for row in rows(content)):
            return node
    raise errors.NotFoundError(f"No node of this cluster has the image {volume}")


async def online_nodes(client: ProxmoxClient, site: Site) -> list[str]:
    """Return the nodes that are up, the wanted one or the one with most free memory first."""
    nodes = [
        row
        for row in rows(await client.call(calls.NODES, "list its nodes"))
        if row.get("status") in {"online", None}
    ]
    nodes.sort(key=lambda row: number(row.get("mem")) - number(row.get("maxmem")))
    names = [str(row.get("node")) for row in nodes]
    if not names:
        raise errors.UnreachableError("No node of this cluster is online")
    return sorted(names, key=lambda name: name != site.node) if site.node else names


async def disk_storage(
    client: ProxmoxClient, node: str, wanted: str, kind: GuestKind = GuestKind.CONTAINER
) -> str:
    """Return the storage for a guest's disk: the wanted one, else the roomiest.

    Raises NotFound for one that is not there, Conflict for one that cannot be used now.
    """
    listed = rows(await client.call(calls.STORAGES, "list its storages", node=node))
    content, guests = _HELD[kind]
    fit = [row for row in listed if _usable(row, content)]
    room = {str(row.get("storage")): number(row.get("avail")) for row in fit}
    if wanted and wanted not in {row.get("storage") for row in listed}:
        raise errors.NotFoundError(f"The node {node} has no storage {wanted} that we may see")
    if wanted and wanted not in room:
        raise errors.ConflictError(
            f"The storage {wanted} cannot hold {guests} on {node} now",
            hint=f"It is disabled, offline, or not meant for their disks (content {content})",
        )
    if not room:
        raise errors.ConflictError(f"No storage of {node} can hold {guests}")
    return wanted or max(room, key=lambda name: room[name])


def _usable(row: Mapping[str, Json], content: str) -> bool:
    holds = str(row.get("content", "")).split(",")
    is_on = number(row.get("enabled"), 1) and number(row.get("active"), 1)
    return content in holds and bool(is_on)
