"""Pure parts of guests: property strings, sizes, tags, and how a guest looks in lists."""

import re
from typing import Any

from tests.proxmox import schema
from tests.proxmox.formats import split_list
from tests.proxmox.world import Guest, World

GIB = 1024**3
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": GIB, "T": 1024 * GIB}
NET = re.compile(r"net\d+")
MOUNT = re.compile(r"mp\d+|rootfs")
INTEGERS = (
    "cores",
    "memory",
    "swap",
    "onboot",
    "unprivileged",
    "protection",
    "template",
    "cpuunits",
    "tty",
)
PLAIN_SUBVOLUME = 4 * GIB
TEMPLATE_BYTES = 180_908_032


def size_bytes(text: str) -> int:
    """Return the bytes of ``8G``; a number alone is bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0


def size_text(count: int) -> str:
    """Write bytes as the real one does: the largest unit that divides them."""
    if not count:
        return "0T"
    for unit in ("T", "G", "M", "K"):
        if count % UNITS[unit] == 0:
            return f"{count // UNITS[unit]}{unit}"
    return str(count)


def parse(text: str, format_name: str) -> dict[str, Any]:
    """Read a property string that was already found right."""
    nested = schema.nested_formats()[format_name]
    try:
        return schema.parse_string(nested, text, "")
    except ValueError:
        return {}


def write(values: dict[str, Any], *first: str) -> str:
    """Write a property string: some keys first, ``volume`` without its name."""
    order = [*first, *sorted(set(values) - set(first))]
    return ",".join(
        str(values[key]) if key == "volume" else f"{key}={values[key]}"
        for key in order
        if key in values
    )


def write_net(values: dict[str, Any]) -> str:
    return write(values, "name", "bridge")


def normal_tags(text: str) -> str:
    """Write tags as they are kept; none at all becomes a space there."""
    tags = sorted({tag.lower() for tag in split_list(text)})
    return ";".join(tags) or " "


def stored(name: str, value: Any) -> Any:
    """Return a config value as it is kept."""
    if name == "tags":
        return normal_tags(str(value))
    return value


def shown(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config as GET shows it: descriptions end with a new line."""
    found = {key: value for key, value in config.items() if value != "" or key == "hostname"}
    if found.get("description"):
        found["description"] = str(found["description"]).removesuffix("\n") + "\n"
    return found


def root_bytes(guest: Guest) -> int:
    """Return the configured size of the first disk."""
    rootfs = str(guest.config.get("rootfs", ""))
    found = re.search(r"size=([\d.]+[KMGT]?)", rootfs)
    return size_bytes(found[1]) if found else 0


def status(world: World, guest: Guest) -> dict[str, Any]:
    """Return what the list of containers says of one."""
    config, live = guest.config, guest.running and not guest.paused
    swap = int(config.get("swap", 512))
    row: dict[str, Any] = {
        "vmid": guest.vmid,
        "type": "lxc",
        "status": "running" if guest.running else "stopped",
        "name": str(config.get("hostname", f"CT{guest.vmid}")),
        "cpus": int(config.get("cores", 0) or world.settings.cpus),
        "maxmem": int(config.get("memory", 512)) * 1024**2,
        "maxswap": swap * 1024**2,
        "maxdisk": disk_bytes(world, guest),
        "disk": TEMPLATE_BYTES if live else 0,
        "mem": 10_055_680 if live else 0,
        "cpu": 0,
        "swap": 0,
        "diskread": 45_056 if live else 0,
        "diskwrite": 0,
        "netin": 480 if live else 0,
        "netout": 1_116 if live else 0,
        "uptime": int(world.clock.now() - guest.started) if live else 0,
    }
    if live:
        row["pid"] = guest.pid
    if config.get("tags"):
        row["tags"] = config["tags"]
    if guest.template:
        row["template"] = 1
    if guest.lock:
        row["lock"] = guest.lock
    return row


def disk_bytes(world: World, guest: Guest) -> int:
    """Return the size of the first disk: the file system's while running, else as configured."""
    size = root_bytes(guest)
    if not size:
        on_btrfs = str(guest.config.get("rootfs", "")).startswith("local-btrfs")
        return world.settings.btrfs if guest.running and on_btrfs else PLAIN_SUBVOLUME
    return int(size * 0.95) if guest.running else size


def resource(world: World, guest: Guest) -> dict[str, Any]:
    """Return what the cluster's list of resources says of a guest; its numbers may lag."""
    row = world.stale.get(guest.vmid) or snapshot_row(world, guest)
    pool = world.pool_of(guest.vmid)
    return row | {"pool": pool} if pool else row


def snapshot_row(world: World, guest: Guest) -> dict[str, Any]:
    full = status(world, guest) if guest.kind == "lxc" else vm_status(world, guest)
    kept = [
        "vmid",
        "name",
        "status",
        "maxmem",
        "maxdisk",
        "disk",
        "mem",
        "cpu",
        "diskread",
        "diskwrite",
        "netin",
        "netout",
        "uptime",
        "tags",
        "lock",
    ]
    row = {key: full[key] for key in kept if key in full}
    if not world.nodes[guest.node].online:
        row |= {"status": "unknown"}
    return row | {
        "id": f"{guest.kind}/{guest.vmid}",
        "type": guest.kind,
        "node": guest.node,
        "template": int(guest.template),
        "maxcpu": full["cpus"],
    }


def vm_status(world: World, guest: Guest) -> dict[str, Any]:
    """Return what the list of virtual machines says of one."""
    config = guest.config
    row: dict[str, Any] = {
        "vmid": guest.vmid,
        "status": "running" if guest.running else "stopped",
        "name": str(config.get("name", f"VM {guest.vmid}")),
        "cpus": int(config.get("cores", 1)) * int(config.get("sockets", 1)),
        "maxmem": int(str(config.get("memory", "512"))) * 1024**2,
        "maxdisk": vm_disk(guest),
        "uptime": int(world.clock.now() - guest.started) if guest.running else 0,
    }
    row |= dict.fromkeys(("disk", "mem", "cpu", "diskread", "diskwrite", "netin", "netout"), 0)
    if guest.running:
        row |= {"pid": guest.pid, "mem": row["maxmem"] // 2}
    for key in ("tags", "lock"):
        if config.get(key):
            row[key] = config[key]
    if guest.template:
        row["template"] = 1
    return row


def vm_disk(guest: Guest) -> int:
    """Return the size of the disk that the machine boots from."""
    for key in ("scsi0", "virtio0", "sata0", "ide0"):
        found = re.search(r"size=([\d.]+[KMGT]?)", str(guest.config.get(key, "")))
        if found:
            return size_bytes(found[1])
    return 0
