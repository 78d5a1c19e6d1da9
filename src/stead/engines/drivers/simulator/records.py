"""What the simulated engine keeps: guests, tasks and images, and their form in a file."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, TypeAlias

from stead.engines.values import (
    Guest,
    GuestFile,
    GuestKind,
    GuestSize,
    GuestSpec,
    GuestState,
)

Data: TypeAlias = dict[str, Any]
Disk: TypeAlias = dict[str, GuestFile]


@dataclass(slots=True)
class Kept:
    """A snapshot: the disk of that moment."""

    moment: float
    disk: Disk


@dataclass(slots=True)
class SimulatedGuest:
    """A guest. ``disk`` and ``snapshots`` stay None until they are needed: most never are."""

    name: str
    key: str
    owner: str
    node: str
    network: str
    address: str
    mac: str
    pool: str
    note: str
    tags: tuple[str, ...]
    size: GuestSize
    kind: GuestKind = GuestKind.CONTAINER
    made: bool = False
    running: bool = False
    started_at: float = 0
    task: str = ""
    disk: Disk | None = None
    snapshots: dict[str, Kept] | None = None
    log: str = ""

    def seen(self, *, node_up: bool) -> Guest:
        """Return what the engine says about it; on a lost node, the last known definition."""
        return Guest(
            name=self.name,
            key=self.key,
            owner=self.owner,
            state=self._state() if node_up else GuestState.UNREACHABLE,
            addresses=(self.address,) if self.address else (),
            kind=self.kind,
            node=self.node,
            mac=self.mac,
            note=self.note,
            tags=self.tags,
            size=self.size,
        )

    def _state(self) -> GuestState:
        if not self.made:
            return GuestState.BUSY
        return GuestState.RUNNING if self.running else GuestState.STOPPED


@dataclass(slots=True)
class Task:
    """Accepted work: plain data, so that it survives the process that accepted it."""

    id: str
    kind: str
    guest: str
    ends_at: float
    details: Data = field(default_factory=dict)
    ended: bool = False
    # The name of the error class and its words, once the task has failed or is bound to.
    failure: tuple[str, str] | None = None


@dataclass(slots=True)
class SimulatedImage:
    """What new guests begin as."""

    name: str
    key: str
    disk: Disk


def new_guest(spec: GuestSpec, *, node: str, mac: str, pool: str, task: str) -> SimulatedGuest:
    """Return the record of a guest that is being made."""
    address: IPv4Address | None = spec.address
    return SimulatedGuest(
        name=spec.name,
        key=spec.key,
        owner=spec.owner,
        node=node,
        network=spec.network,
        address=str(address) if address is not None else "",
        mac=spec.mac or mac,
        pool=spec.pool or pool,
        note=spec.note,
        tags=spec.tags,
        size=GuestSize(spec.cores, spec.memory_mb, spec.disk_gb),
        kind=spec.kind,
        task=task,
    )


def disk_data(disk: Disk | None) -> Data:
    """Return a disk in the form of JSON."""
    files = (disk or {}).values()
    return {f.path: [b64encode(f.content).decode(), f.mode] for f in files}


def disk_from(data: Mapping[str, Any]) -> Disk:
    """Return a disk from its JSON form."""
    return {
        path: GuestFile(path, b64decode(content), int(mode))
        for path, (content, mode) in data.items()
    }


def guest_data(guest: SimulatedGuest) -> Data:
    """Return a guest in the form of JSON."""
    data: Data = {name: getattr(guest, name) for name in guest.__slots__}
    data["size"] = [guest.size.cores, guest.size.memory_mb, guest.size.disk_gb]
    data["disk"] = disk_data(guest.disk)
    data["snapshots"] = {
        name: [kept.moment, disk_data(kept.disk)] for name, kept in (guest.snapshots or {}).items()
    }
    return data


def guest_from(data: Data) -> SimulatedGuest:
    """Return a guest from its JSON form."""
    snapshots = {
        name: Kept(moment, disk_from(disk)) for name, (moment, disk) in data["snapshots"].items()
    }
    return SimulatedGuest(
        **{
            **data,
            "tags": tuple(data["tags"]),
            "size": GuestSize(*data["size"]),
            "kind": GuestKind(data.get("kind", GuestKind.CONTAINER)),
            "disk": disk_from(data["disk"]) or None,
            "snapshots": snapshots or None,
        }
    )


def task_data(task: Task) -> Data:
    """Return a task in the form of JSON."""
    return {name: getattr(task, name) for name in task.__slots__}


def task_from(data: Data) -> Task:
    """Return a task from its JSON form."""
    failure = data["failure"]
    return Task(**{**data, "failure": tuple(failure) if failure else None})


def image_data(image: SimulatedImage) -> Data:
    """Return an image in the form of JSON."""
    return {"name": image.name, "key": image.key, "disk": disk_data(image.disk)}


def image_from(data: Data) -> SimulatedImage:
    """Return an image from its JSON form."""
    return SimulatedImage(data["name"], data["key"], disk_from(data["disk"]))
