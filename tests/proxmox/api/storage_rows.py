"""How storages look in lists."""

from typing import Any

from tests.proxmox.world import Storage, World

USED = 42_782_437_376


def total(world: World, storage: Storage) -> int:
    return world.settings.btrfs if storage.type == "btrfs" else world.settings.disk


def used(world: World, storage: Storage) -> int:
    return 187_097_088 if storage.type == "btrfs" else min(USED, world.settings.disk // 2)


def resources(world: World, name: str) -> list[dict[str, Any]]:
    """Return the rows of one storage in the list of resources, one for each node."""
    storage = world.storages[name]
    rows = []
    for node in world.nodes.values():
        row: dict[str, Any] = {
            "id": f"storage/{node.name}/{name}",
            "type": "storage",
            "storage": name,
            "node": node.name,
            "content": storage.content,
            "plugintype": storage.type,
            "shared": int(storage.options.get("shared", 0)),
            "status": "available",
            "disk": used(world, storage),
            "maxdisk": total(world, storage),
        }
        rows.append(row)
    return rows
