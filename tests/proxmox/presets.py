"""Worlds to begin with: one node, two nodes, and what a small installation has."""

import secrets
import uuid
from typing import Any

from tests.proxmox.access import Grant, Token, User
from tests.proxmox.clock import Clock
from tests.proxmox.settings import Settings
from tests.proxmox.world import GIB, Guest, Node, Snapshot, Storage, Volume, World

ARCHIVE = "local:vztmpl/debian-12-standard_12.0-1_amd64.tar.zst"
ROLE = "ControlPlane"
PRIVILEGES = [
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.PowerMgmt",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
    "Datastore.AllocateSpace",
    "Datastore.Audit",
    "SDN.Use",
    "Pool.Allocate",
    "Pool.Audit",
    "Sys.Audit",
]
ROLE_PATHS = ("/vms", "/storage", "/sdn/zones/localnetwork", "/pool", "/nodes")


def bridge(number: int, address: str, ports: str = "", gateway: str = "") -> dict[str, Any]:
    """Return a bridge that is in use."""
    host, _, prefix = address.partition("/")
    made: dict[str, Any] = {
        "type": "bridge", "active": 1, "autostart": 1, "address": host, "netmask": prefix,
        "cidr": address, "bridge_ports": ports, "bridge_stp": "off", "bridge_fd": "0",
        "families": ["inet"], "method": "static", "method6": "manual", "priority": number,
    }  # fmt: skip
    return made | {"gateway": gateway} if gateway else made


def add_node(world: World, name: str, address: str, number: int = 0) -> Node:
    """Add a node with its card and two bridges."""
    port = {
        "type": "eth", "active": 1, "exists": 1, "families": ["inet"], "method": "manual",
        "method6": "manual", "priority": 3,
    }  # fmt: skip
    node = Node(name, address, number)
    node.interfaces = {
        "eth0": port,
        "vmbr0": bridge(4, f"{address}/24", "eth0", "10.78.0.1"),
        "vmbr2": bridge(5, "10.99.2.1/24"),
    }
    world.nodes[name] = node
    world.local = world.local or name
    archive = Volume("vztmpl", "tzst", 85_659_167, int(world.clock.now()) - 3600)
    world.volumes[name, ARCHIVE] = archive
    return node


def single(clock: Clock, settings: Settings | None = None) -> World:
    """Return one node outside any cluster, with three storages and one template archive."""
    world = World(clock, settings or Settings())
    everything = "images,rootdir,vztmpl,iso,backup,snippets"
    world.storages = {
        "local": Storage("dir", everything, {"path": "/var/lib/vz"}),
        "local-btrfs": Storage("btrfs", "images,rootdir", {"path": "/srv/btr"}),
        "local-hdd": Storage("dir", "images,rootdir,vztmpl,backup", {"path": "/srv/hdd"}),
    }
    add_node(world, "pve1", "10.78.0.229")
    return world


def pair(clock: Clock, settings: Settings | None = None) -> World:
    """Return a cluster of two nodes; the first one answers."""
    world = single(clock, settings)
    world.cluster = "stand-in"
    world.nodes["pve1"].number = 1
    add_node(world, "pve2", "10.78.0.230", 2)
    return world


def container(world: World, vmid: int, *, storage: str = "local-btrfs", **config: Any) -> Guest:
    """Add a stopped container, as if it had always been there."""
    node = str(config.pop("node", world.local))
    size = int(config.pop("gib", 1)) * GIB
    kind, end = ("vm", "raw") if size else ("subvol", "subvol")
    prefix = "base" if config.get("template") and size else kind
    volume = f"{storage}:{vmid}/{prefix}-{vmid}-disk-0.{end}"
    world.volumes[node, volume] = Volume("rootdir", end, size, int(world.clock.now()), vmid)
    written = f"{size // GIB}G" if size else "0T"
    guest = Guest(vmid, "lxc", node)
    guest.config = {
        "arch": "amd64", "ostype": "debian", "hostname": f"ct{vmid}", "memory": 512, "swap": 0,
        "unprivileged": 1, "rootfs": f"{volume},size={written}", **config,
    }  # fmt: skip
    world.guests[node, vmid] = guest
    return guest


def token(world: World, user: str = "root@pam", name: str = "double", *, privsep: int = 0) -> str:
    """Add a token, and its user where there is none; return ``USER!NAME=SECRET``."""
    secret = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    world.access.users.setdefault(user, User()).tokens[name] = Token(secret, privsep)
    return f"{user}!{name}={secret}"


def control_plane(world: World) -> str:
    """Add the least user that a control plane needs, and return its token."""
    world.access.roles[ROLE] = set(PRIVILEGES)
    made = token(world, "ctl@pve", "api")
    for path in ROLE_PATHS:
        world.access.acl[Grant(path, "user", "ctl@pve", ROLE)] = 1
    return made


def snapshot(world: World, guest: Guest, name: str) -> None:
    """Add a snapshot, as if it had been taken long ago."""
    kept = {key: value for key, value in guest.config.items() if key != "parent"}
    guest.snapshots[name] = Snapshot(
        kept, "", int(world.clock.now()) - 60, str(guest.config.get("parent", ""))
    )
    guest.config["parent"] = name
