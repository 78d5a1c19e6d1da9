"""Pure translation between the port's values and what Proxmox keeps in a guest's config.

Our own record is the first line of the guest's description: it is there from the first moment
of a clone, which tags are not, and it carries what is still to be done to a fresh clone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from stead.engines.drivers.proxmox.client import Json, number, table
from stead.engines.values import Guest, GuestKind, GuestSize, GuestSpec, GuestState

# A dot cannot be in a tag of ours that people choose, so these cannot be confused.
MARK: Final = "stead.guest"
_PREFIX: Final = "stead: "
# What the comment of a key begins with that carries a one-time token.
ENROL: Final = "stead-enroll"
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_GIB: Final = 2**30
_MIB: Final = 2**20
_SNAPSHOT: Final = re.compile(r"[a-z][a-z0-9_-]{1,39}\Z")
_DRIVE: Final = re.compile(r"(?:ide|sata|scsi)\d+")
_CLOUD_INIT: Final = re.compile(r"[:/](?:vm-\d+-)?cloudinit(?:[.,]|$)")
_RESERVED: Final = frozenset({"current", "vzdump", "pending"})


@dataclass(frozen=True, slots=True)
class Site:
    """Where guests of one cluster go: decisions of the administrator, not of Proxmox."""

    storage: str = ""
    bridge: str = "vmbr0"
    pool: str = ""
    node: str = ""
    prefix: int = 24
    gateway: IPv4Address | None = None
    nameserver: str = ""
    vmids: range = range(100_000, 1_000_000)
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is still to be done to a fresh clone before it is what was asked for."""

    cores: int
    memory_mb: int
    disk_gb: int
    network: str
    address: str
    gateway: str
    mac: str
    template: bool = False
    nameserver: str = ""
    nesting: bool = False
    # Lines of authorized_keys that cloud-init brings into a virtual machine.
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What we know of a guest of ours and Proxmox has no place for."""

    key: str
    owner: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A guest as Proxmox has it; ``record`` is None unless it is ours."""

    vmid: int
    node: str
    kind: GuestKind
    row: Mapping[str, Json] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    record: Record | None = None

    @property
    def name(self) -> str:
        """Return its host name, which the config tells earlier than the list does."""
        told = self.config.get("hostname") or self.config.get("name") or self.row.get("name")
        return str(told or "")

    @property
    def lock(self) -> str:
        """Return what has locked it, or nothing."""
        return str(self.config.get("lock") or self.row.get("lock") or "")

    @property
    def template(self) -> bool:
        """Tell whether it is there to be cloned only."""
        return bool(number(self.row.get("template")) or number(self.config.get("template")))

    @property
    def root(self) -> str:
        """Return the key of the disk it boots from."""
        if self.kind is GuestKind.CONTAINER:
            return "rootfs"
        order = re.findall(r"(?:scsi|virtio|sata|ide)\d+", str(self.config.get("boot", "")))
        disks = [key for key in order if "media=cdrom" not in str(self.config.get(key, ""))]
        return disks[0] if disks else "scsi0"

    @property
    def disk_bytes(self) -> int:
        """Return the size of that disk; 0 for one without a limit."""
        return size_bytes(str(self.config.get(self.root, "")))

    @property
    def cloud_init(self) -> bool:
        """Tell whether it has a drive through which cloud-init learns its address and keys."""
        drives = (str(value) for key, value in self.config.items() if _DRIVE.fullmatch(key))
        return any(_CLOUD_INIT.search(drive) for drive in drives)

    def replaces(self, what: str) -> bool:
        """Tell whether a file of an administrator stands in for what Proxmox tells cloud-init."""
        return what in _options(str(self.config.get("cicustom", "")))

    @property
    def storage(self) -> str:
        """Return the storage of that disk."""
        return str(self.config.get(self.root, "")).partition(":")[0]


def record_of(spec: GuestSpec, plan: Plan | None = None) -> Record:
    """Return the record for a guest that is asked for."""
    return Record(spec.key, spec.owner, spec.tags, spec.note, plan)


def plan_of(
    spec: GuestSpec, site: Site, bridge: Mapping[str, Json], *, template: bool = False
) -> Plan:
    """Return what a clone lacks to be what is asked for.

    A guest's prefix and gateway are those of its segment, else of its bridge where its address
    is within; a bridge that leads nowhere is itself the gateway.
    """
    own = _network(str(bridge.get("cidr", "")))
    within = own is not None and spec.address is not None and spec.address in own.network
    prefix, gateway, nameserver = site.prefix, str(site.gateway or ""), site.nameserver
    if spec.segment is not None:
        prefix, gateway = spec.segment.cidr.prefixlen, str(spec.segment.gateway or "")
        nameserver = spec.segment.nameserver or nameserver
    elif own is not None and within:
        prefix, gateway = own.network.prefixlen, str(bridge.get("gateway") or own.ip)
    return Plan(
        cores=spec.cores,
        memory_mb=spec.memory_mb,
        disk_gb=spec.disk_gb,
        network=str(bridge.get("iface", "")),
        address=f"{spec.address}/{prefix}" if spec.address else "",
        gateway=gateway,
        mac=spec.mac,
        template=template,
        nesting=spec.nesting,
        nameserver=nameserver,
    )


def description(record: Record) -> str:
    """Return the text that holds a record, with the note readable for people below it."""
    head: dict[str, Json] = {"key": record.key, "owner": record.owner, "tags": list(record.tags)}
    # Line ends at the end are not kept by Proxmox, so they are counted.
    note = record.note.rstrip("\n")
    if note != record.note:
        head["ends"] = len(record.note) - len(note)
    if record.plan is not None:
        head["plan"] = {name: getattr(record.plan, name) for name in Plan.__slots__}
    return f"{_PREFIX}{json.dumps(head)}\n\n{note}"


def read_record(text: str) -> Record | None:
    """Return the record in a description, or None where there is none of ours."""
    first, _, rest = text.partition("\n")
    if not first.startswith(_PREFIX):
        return None
    try:
        head = table(json.loads(first.removeprefix(_PREFIX)))
        plan = table(head.get("plan"))
        tags = head.get("tags")
        return Record(
            key=str(head["key"]),
            owner=str(head.get("owner", "")),
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            note=rest.removeprefix("\n").rstrip("\n") + "\n" * number(head.get("ends")),
            plan=_plan(plan) if plan else None,
        )
    except (ValueError, KeyError, RecursionError):
        return None


def tags(record: Record) -> str:
    """Return the tags by which the list shows that a guest is ours."""
    return ";".join(sorted({MARK, *record.tags}))


def net0(site: Site, plan: Plan, kind: GuestKind) -> str:
    """Return the network card; leaving the MAC out would make Proxmox invent a new one."""
    bridge = plan.network or site.bridge
    filtered = ["firewall=1"] if site.filtered else []
    if kind is GuestKind.VM:
        model = f"virtio={plan.mac}" if plan.mac else "virtio"
        return ",".join([model, f"bridge={bridge}", *filtered])
    parts = ["name=eth0", f"bridge={bridge}"]
    if plan.mac:
        parts.append(f"hwaddr={plan.mac.upper()}")
    return ",".join([*parts, *filtered, address(plan)])


def address(plan: Plan) -> str:
    """Return the address part of a card: the reserved one, else what DHCP gives."""
    if not plan.address:
        return "ip=dhcp"
    fixed = f"ip={plan.address}"
    return f"{fixed},gw={plan.gateway}" if plan.gateway else fixed


def guest(found: Found, state: GuestState) -> Guest:
    """Return the guest for the port."""
    record = found.record or Record(key="")
    card = _options(str(found.config.get("net0", "")))
    return Guest(
        name=found.name,
        key=record.key,
        owner=record.owner,
        state=state,
        addresses=addresses(found),
        kind=found.kind,
        node=found.node,
        mac=(card.get("hwaddr") or card.get("virtio", "")).lower(),
        note=record.note,
        tags=_shown_tags(found, record),
        size=GuestSize(
            cores=number(found.config.get("cores")) or number(found.row.get("maxcpu")),
            memory_mb=number(found.config.get("memory"))
            or number(found.row.get("maxmem")) // _MIB,
            disk_gb=-(-(found.disk_bytes or number(found.row.get("maxdisk"))) // _GIB),
        ),
    )


def addresses(found: Found) -> tuple[str, ...]:
    """Return the addresses that were set for a guest, or will be once it is finished."""
    if found.record is not None and found.record.plan is not None:
        told = found.record.plan.address
    else:
        card = _options(str(found.config.get("net0", "")))
        told = card.get("ip") or _options(str(found.config.get("ipconfig0", ""))).get("ip", "")
    return (told.partition("/")[0],) if told[:1].isdigit() else ()


def state(told: str, found: Found) -> GuestState:
    """Return the state for what a status or a list says."""
    unfinished = found.record is not None and found.record.plan is not None
    if found.lock in {"create", "disk", "migrate", "rollback", "destroyed"} or unfinished:
        return GuestState.BUSY
    known = {
        "running": GuestState.RUNNING,
        "stopped": GuestState.STOPPED,
        # What the list says of the guests of a node that does not answer.
        "unknown": GuestState.UNREACHABLE,
    }
    return known.get(told, GuestState.ERROR)


def snapshot_name(name: str) -> str:
    """Return the name Proxmox keeps: it takes 2 to 40 characters and reserves some words."""
    if _SNAPSHOT.match(name) and name not in _RESERVED and not name.startswith("x-"):
        return name
    return "x-" + hashlib.sha256(name.encode()).hexdigest()[:32]


def size_bytes(volume: str) -> int:
    """Return the size in a volume's description such as ``local:9/vm-9.raw,size=512M``."""
    found = re.search(r"(?:^|,)size=(\d+(?:\.\d+)?)([KMGTP]?)", volume)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def without_plan(record: Record) -> Record:
    """Return the record of a guest to which everything has been done."""
    return replace(record, plan=None)


def is_image(found: Found) -> bool:
    """Tell whether it is, or is about to be, something to clone and no guest."""
    unfinished = found.record.plan if found.record is not None else None
    return found.template or (unfinished is not None and unfinished.template)


def _plan(head: Mapping[str, Json]) -> Plan:
    return Plan(
        cores=number(head.get("cores"), 1),
        memory_mb=number(head.get("memory_mb"), 512),
        disk_gb=number(head.get("disk_gb")),
        network=str(head.get("network", "")),
        address=str(head.get("address", "")),
        gateway=str(head.get("gateway", "")),
        mac=str(head.get("mac", "")),
        template=bool(head.get("template")),
        nameserver=str(head.get("nameserver", "")),
        nesting=bool(head.get("nesting")),
        keys=str(head.get("keys", "")),
    )


def _network(cidr: str) -> IPv4Interface | None:
    try:
        return IPv4Interface(cidr) if cidr else None
    except ValueError:
        return None


def _options(text: str) -> dict[str, str]:
    return {
        name: value
        for part in text.split(",")
        for name, is_set, value in [part.partition("=")]
        if is_set
    }


def _shown_tags(found: Found, record: Record) -> tuple[str, ...]:
    told = str(found.config.get("tags") or found.row.get("tags") or "")
    shown = tuple(tag for tag in re.split(r"[;,\s]+", told) if tag and tag != MARK)
    return record.tags if set(shown) == set(record.tags) else shown
