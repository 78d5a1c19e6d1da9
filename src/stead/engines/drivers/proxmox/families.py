"""What containers and virtual machines have in common, and the calls in which they differ.

The calls for virtual machines are checked against the schema and the recordings only.
"""

from dataclasses import dataclass
from typing import Final

from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.calls import Call
from stead.engines.values import GuestKind


@dataclass(frozen=True, slots=True)
class Family:
    """The calls for one kind of guest."""

    kind: GuestKind
    native: str
    name: str
    config: Call
    update: Call
    status: Call
    start: Call
    stop: Call
    shutdown: Call
    delete: Call
    clone: Call
    resize: Call
    feature: Call
    template: Call
    pending: Call
    snapshots: Call
    snapshot: Call
    snapshot_delete: Call
    rollback: Call
    fw_set: Call
    fw_rules: Call
    fw_add: Call
    fw_delete: Call


CONTAINERS: Final = Family(
    kind=GuestKind.CONTAINER,
    native="lxc",
    name="hostname",
    config=calls.CT_CONFIG,
    update=calls.CT_UPDATE,
    status=calls.CT_STATUS,
    start=calls.CT_START,
    stop=calls.CT_STOP,
    shutdown=calls.CT_SHUTDOWN,
    delete=calls.CT_DELETE,
    clone=calls.CT_CLONE,
    resize=calls.CT_RESIZE,
    feature=calls.CT_FEATURE,
    template=calls.CT_TEMPLATE,
    pending=calls.CT_PENDING,
    snapshots=calls.CT_SNAPSHOTS,
    snapshot=calls.CT_SNAPSHOT,
    snapshot_delete=calls.CT_SNAPSHOT_DELETE,
    rollback=calls.CT_ROLLBACK,
    fw_set=calls.CT_FW_SET,
    fw_rules=calls.CT_FW_RULES,
    fw_add=calls.CT_FW_ADD,
    fw_delete=calls.CT_FW_DELETE,
)
VMS: Final = Family(
    kind=GuestKind.VM,
    native="qemu",
    name="name",
    config=calls.VM_CONFIG,
    update=calls.VM_UPDATE,
    status=calls.VM_STATUS,
    start=calls.VM_START,
    stop=calls.VM_STOP,
    shutdown=calls.VM_SHUTDOWN,
    delete=calls.VM_DELETE,
    clone=calls.VM_CLONE,
    resize=calls.VM_RESIZE,
    feature=calls.VM_FEATURE,
    template=calls.VM_TEMPLATE,
    pending=calls.VM_PENDING,
    snapshots=calls.VM_SNAPSHOTS,
    snapshot=calls.VM_SNAPSHOT,
    snapshot_delete=calls.VM_SNAPSHOT_DELETE,
    rollback=calls.VM_ROLLBACK,
    fw_set=calls.VM_FW_SET,
    fw_rules=calls.VM_FW_RULES,
    fw_add=calls.VM_FW_ADD,
    fw_delete=calls.VM_FW_DELETE,
)
BY_NATIVE: Final = {family.native: family for family in (CONTAINERS, VMS)}
BY_KIND: Final = {family.kind: family for family in (CONTAINERS, VMS)}
