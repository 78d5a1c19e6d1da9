"""Plain values that cross the engine port; nothing native gets past a driver."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network


class GuestKind(StrEnum):
    """What a guest is to its host."""

    CONTAINER = "container"
    VM = "vm"


class GuestState(StrEnum):
    """What an engine says about a guest.

    Of an unreachable one, whose node does not answer, it says that it exists and where; the rest
    is what was last known of it, or empty.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    BUSY = "busy"
    ERROR = "error"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class GuestFile:
    """A file of a guest. It belongs to root."""

    path: str
    content: bytes
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One project's network on an engine.

    ``fenced_off`` is closed to its guests, but for the part of it whose guests are reachable.
    """

    name: str
    cidr: IPv4Network
    gateway: IPv4Address
    agent_port: int
    fenced_off: tuple[IPv4Network, ...] = ()
    reachable: IPv4Network | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a network of others that a guest's address belongs to.

    An administrator says so, because an engine knows of its bridge and not of what is behind it.
    """

    cidr: IPv4Network
    gateway: IPv4Address | None = None
    nameserver: str = ""


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """Everything needed to create one guest.

    ``image`` is what its disk begins as; a clone or an imported backup has its disk from there
    and leaves it empty. Without an address the network gives one, without a MAC the engine does.
    Without a network it is on the cluster's own, where there is one; such guests are not started.
    ``nesting`` lets a container hold containers, where the engine's administrator allows that.
    ``reachable`` lets its neighbours on the network begin to speak to it.
    ``segment`` says what surrounds the address where the network is not one of ours. ``number``
    is the one reserved for it, on engines that number their guests; one that a stranger took
    meanwhile is replaced.
    ``pool`` is the engine's storage; empty means the cluster's default. ``limits`` says which
    sizes and names are possible.
    """

    name: str
    key: str
    owner: str
    image: str
    network: str
    address: IPv4Address | None
    mac: str
    cores: int
    memory_mb: int
    disk_gb: int
    kind: GuestKind = GuestKind.CONTAINER
    pool: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    nesting: bool = False
    reachable: bool = False
    segment: Segment | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class WayIn:
    """How a one-time secret gets into a guest that is about to be made.

    ``at_creation`` takes it along with the guest, otherwise it goes through the console of its
    first start. ``fenced`` says that the engine lets the guest use no MAC and no address but its
    own, so that its address proves something.
    """

    at_creation: bool
    fenced: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """What a control plane that died half-way had left behind.

    ``open_guests`` have a console on which whoever opens it is root.
    """

    open_guests: tuple[str, ...] = ()
    deleted_users: int = 0


@dataclass(frozen=True, slots=True)
class GuestSize:
    """What a guest may use at most."""

    cores: int
    memory_mb: int
    disk_gb: int


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest as the engine has it; ``addresses`` are those set for it, not those it took."""

    name: str
    key: str
    owner: str
    state: GuestState
    addresses: tuple[str, ...] = ()
    kind: GuestKind = GuestKind.CONTAINER
    node: str = ""
    mac: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    size: GuestSize = GuestSize(0, 0, 0)


@dataclass(frozen=True, slots=True)
class EngineTask:
    """Accepted work; ``native_id`` is enough to ask for it again after a restart."""

    native_id: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What an engine says about itself. ``simulated`` is shown wherever a person can see it."""

    version: str
    nodes: tuple[str, ...]
    engine: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of a guest's disks that it can return to."""

    name: str
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """What new guests of a kind can begin as; ``key`` tells whose request made it."""

    name: str
    key: str = ""
    size_bytes: int = 0
    kind: GuestKind = GuestKind.CONTAINER


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run in a guest as root, without a shell unless one is named.

    Standard output and standard error are cut at ``output_limit`` bytes each.
    """

    words: tuple[str, ...]
    stdin: bytes = b""
    limit_seconds: float = 30
    output_limit: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended; 126 and 127 mean, as in a shell, that it could not be run."""

    code: int
    output: bytes
    errors: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TerminalSize:
    """Characters of a terminal."""

    columns: int = 80
    rows: int = 24


@dataclass(frozen=True, slots=True)
class GuestUsage:
    """What one guest uses; the counters grow from its start and fall back with it."""

    name: str
    cpu_seconds: float
    memory_bytes: int
    disk_bytes: int
    received_bytes: int
    sent_bytes: int


class Change(StrEnum):
    """What happened to a guest."""

    CREATED = "created"
    STARTED = "started"
    STOPPED = "stopped"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class GuestEvent:
    """A change that the engine told us of, whoever asked for it."""

    name: str
    change: Change


class Topic(StrEnum):
    """What a test of a cluster looks at, in this order."""

    VERSION = "version"
    RIGHTS = "rights"
    STORAGES = "storages"
    NETWORKS = "networks"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that a test looked at. ``disables`` names what does not work without it."""

    topic: Topic
    name: str
    ok: bool
    text: str = ""
    disables: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A host of a cluster. Numbers that nobody tells are None.

    ``evacuated`` says that it was emptied and gets nothing new, ``domain`` with which other
    hosts it is likely to fail.
    """

    name: str
    online: bool
    cores: int | None = None
    memory_mb: int | None = None
    memory_used_mb: int | None = None
    evacuated: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """A storage as one node has it; a shared one is the same on all of them.

    ``needed`` says that disks of guests are on it, or that ours go there.
    """

    name: str
    node: str
    kind: str
    usable: bool = True
    shared: bool = False
    needed: bool = False
    total_gb: int | None = None
    used_gb: int | None = None


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What only a survey tells of a guest; None where the engine does not say.

    ``addresses`` are those it took, ``exposed`` where it is reached through its host.
    ``nested`` may hold containers; ``host_access`` reaches folders or devices of the host.
    A guest without backup or snapshot has an empty moment only where ``backups_known`` or
    ``snapshots_known`` says that somebody looked.
    """

    guest: Guest
    addresses: tuple[str, ...] = ()
    privileged: bool | None = None
    nested: bool | None = None
    exposed: tuple[str, ...] = ()
    host_access: bool | None = None
    backups_known: bool = False
    newest_backup: datetime | None = None
    snapshots_known: bool = False
    oldest_snapshot: datetime | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """A map of a cluster, made by asking only. What cannot be found out is left out or None."""

    nodes: tuple[NodeFacts, ...] = ()
    storages: tuple[StorageFacts, ...] = ()
    guests: tuple[GuestFacts, ...] = ()
    quorate: bool | None = None
    unsupported: str = ""
    certificate_expires_at: datetime | None = None
    unseen: tuple[str, ...] = ()
