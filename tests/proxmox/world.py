"""Everything the double knows: nodes, guests, storages, pools, tasks, rules."""

import asyncio
import dataclasses
import hashlib
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

from tests.proxmox.access import Access
from tests.proxmox.call import died
from tests.proxmox.clock import Clock
from tests.proxmox.faults import Faults
from tests.proxmox.locks import Locks
from tests.proxmox.settings import Settings

GIB = 1024**3
EMPTY_DIGEST = hashlib.sha1(b"", usedforsecurity=False).hexdigest()


def digest(content: object) -> str:
    """Return the digest that the real one makes of a file; of nothing it is of nothing."""
    if not content:
        return EMPTY_DIGEST
    text = json.dumps(content, sort_keys=True, default=str).encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


@dataclasses.dataclass
class Firewall:
    """The firewall of a guest, a node or the datacenter; rules newest first."""

    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    rules: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    ipsets: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Snapshot:
    """A snapshot of a guest: its config and disk then, and the snapshot before it."""

    config: dict[str, Any]
    description: str
    time: int
    parent: str = ""
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Guest:
    """A container or virtual machine: what is configured and what runs."""

    vmid: int
    kind: str
    node: str
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    pending: dict[str, Any] = dataclasses.field(default_factory=dict)
    dropped: set[str] = dataclasses.field(default_factory=set)
    snapshots: dict[str, Snapshot] = dataclasses.field(default_factory=dict)
    running: bool = False
    started: float = 0
    pid: int = 0
    plugged: dict[str, str] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    console: Any = None
    mode: str = "tty"
    stubborn: bool = False
    paused: bool = False
    password: str = ""
    modes: dict[str, int] = dataclasses.field(default_factory=dict)
    folders: set[str] = dataclasses.field(default_factory=set)
    stranded: set[str] = dataclasses.field(default_factory=set)

    @property
    def template(self) -> bool:
        return bool(self.config.get("template"))

    @property
    def lock(self) -> str:
        return str(self.config.get("lock", ""))

    @property
    def digest(self) -> str:
        # The parent, snapshots and pending changes are parts of the file.
        snapshots = {name: one.config for name, one in self.snapshots.items()}
        return digest([self.config, self.pending, sorted(self.dropped), snapshots])


@dataclasses.dataclass
class Volume:
    """A disk, template, image or backup on a storage."""

    content: str
    format: str
    size: int
    ctime: int = 0
    vmid: int | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    archive: dict[str, Any] | None = None


@dataclasses.dataclass
class Storage:
    """The definition of a storage, the same on all nodes."""

    type: str
    content: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def disabled(self) -> bool:
        return bool(self.options.get("disable"))

    def holds(self, content: str) -> bool:
        return content in self.content.split(",")


@dataclasses.dataclass
class Node:
    """A node, its network interfaces and those staged but not applied."""

    name: str
    ip: str
    number: int
    online: bool = True
    unreachable: int = 0
    statistics: int = 2
    fingerprint: str = ":".join(["3F"] * 32)
    interfaces: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    staged: dict[str, dict[str, Any]] | None = None
    firewall: Firewall = dataclasses.field(default_factory=Firewall)


@dataclasses.dataclass
class Peer:
    """A cluster that this node may join, and what then becomes of it."""

    password: str
    welcome: Callable[["World"], None]


@dataclasses.dataclass
class Pool:
    """A pool: its comment and members; nested ones are named ``a/b``."""

    comment: str = ""
    vms: set[int] = dataclasses.field(default_factory=set)
    storages: set[str] = dataclasses.field(default_factory=set)


class World:
    """One cluster."""

    def __init__(self, clock: Clock, settings: Settings, seed: int = 1) -> None:
        self.clock = clock
        self.settings = settings
        self.random = random.Random(seed)  # noqa: S311 -- MAC addresses of a stand-in
        self.faults = Faults()
        # Told before and after a client is obeyed; one that raises ends the connection.
        self.witness: Callable[[str, str], None] = lambda _phase, _what: None
        self.locks = Locks(clock)
        self.nodes: dict[str, Node] = {}
        self.local = ""
        self.cluster = ""
        self.config_version = 2
        self.peer: Peer | None = None
        self.membership: list[Node] | None = None
        self.unreachable: set[str] = set()
        self.version = {"release": "8.4", "version": "8.4.1", "repoid": "2a5fa54a8503f96d"}
        self.quorate = True
        self.down = ""
        self.guests: dict[tuple[str, int], Guest] = {}
        self.storages: dict[str, Storage] = {}
        self.volumes: dict[tuple[str, str], Volume] = {}
        self.pools: dict[str, Pool] = {}
        self.access = Access({})
        self.tasks: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.firewall = Firewall()
        self.groups: dict[str, dict[str, Any]] = {}
        self.guest_firewalls: dict[int, Firewall] = {}
        self.consoles: dict[int, Any] = {}
        self.urls: dict[str, bytes] = {}
        self.stale: dict[int, dict[str, Any]] = {}
        self.pids = itertools.count(2000)
        self.booted = clock.now() - 3600
        self.programs: dict[str, Any] = {}
        self.executed: list[tuple[int, list[str], str]] = []
        self.background: set[asyncio.Task[None]] = set()

    def guest(self, node: str, kind: str, vmid: int) -> Guest:
        """Return a guest, or die as the real one does when its file is not there."""
        found = self.guests.get((node, vmid))
        if found is None or found.kind != kind:
            folder = "lxc" if kind == "lxc" else "qemu-server"
            raise died(f"Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")
        return found

    def find_guest(self, vmid: int) -> Guest | None:
        """Return the guest with an id, on whichever node it is."""
        for (_, number), guest in self.guests.items():
            if number == vmid:
                return guest
        return None

    def storage(self, name: str) -> Storage:
        """Return a storage or die."""
        if name not in self.storages:
            raise died(f"storage '{name}' does not exist")
        return self.storages[name]

    def enabled_storage(self, name: str) -> Storage:
        """Return a storage that may be used or die."""
        found = self.storage(name)
        if found.disabled:
            raise died(f"storage '{name}' is disabled")
        return found

    def mac(self) -> str:
        """Return a new address below the datacenter's prefix."""
        prefix = str(self.options.get("mac_prefix", "BC:24:11"))
        missing = 6 - len(prefix.split(":"))
        return ":".join([prefix, *(f"{self.random.randrange(256):02X}" for _ in range(missing))])

    def quorum(self) -> None:
        """Die when the cluster has none."""
        if not self.quorate:
            raise died("cluster not ready - no quorum?")

    async def cluster_write(self, what: str, file: str = "file-user_cfg") -> None:
        """Refuse after the wait of the real one when the cluster file system is read only."""
        if not self.quorate:
            await self.clock.sleep(9)
            raise died(f"{what} failed: cfs-lock '{file}' error: no quorum!")

    def next_id(self) -> int:
        """Return the lowest id in the configured range that no guest has."""
        limits = self.options.get("next-id") or {}
        used = {vmid for _, vmid in self.guests}
        lower, upper = int(limits.get("lower", 100)), int(limits.get("upper", 1000000))
        return next(number for number in range(lower, upper) if number not in used)

    def join_pool(self, pool: str, vmid: int) -> None:
        self.pools[pool].vms.add(vmid)
        self.access.pool_of[f"/vms/{vmid}"] = pool

    def leave_pools(self, vmid: int) -> None:
        for pool in self.pools.values():
            pool.vms.discard(vmid)
        self.access.pool_of.pop(f"/vms/{vmid}", None)

    def pool_of(self, vmid: int) -> str:
        return self.access.pool_of.get(f"/vms/{vmid}", "")

    def in_background(self, work: "asyncio.Task[None]") -> None:
        """Keep a task until it ends."""
        self.background.add(work)
        work.add_done_callback(self.background.discard)
