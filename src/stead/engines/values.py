"""Plain values that cross the engine port; nothing native gets past a driver."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network


class GuestState(StrEnum):
    """What an engine says about a guest."""

    RUNNING = "running"
    STOPPED = "stopped"
    BUSY = "busy"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class GuestFile:
    """A file to put into a guest before its first start."""

    path: str
    content: bytes
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One project's network on an engine."""

    name: str
    cidr: IPv4Network
    gateway: IPv4Address
    agent_port: int
    fenced_off: tuple[IPv4Network, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """Everything needed to create one container."""

    name: str
    key: str
    owner: str
    image: str
    network: str
    address: IPv4Address
    mac: str
    cores: int
    memory_mb: int
    disk_gb: int


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest as the engine has it."""

    name: str
    key: str
    owner: str
    state: GuestState
    addresses: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class EngineTask:
    """Accepted work; ``native_id`` is enough to ask for it again after a restart."""

    native_id: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a cluster can do something, and if not, why."""

    name: str
    available: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What an engine says about itself."""

    version: str
    nodes: tuple[str, ...]
