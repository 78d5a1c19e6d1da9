"""Who may change what in a container's config, and what only root may."""

import re
from collections.abc import Iterable
from typing import Any

from tests.proxmox import guests
from tests.proxmox.call import Call, forbidden
from tests.proxmox.world import Guest

MEMORY = {"memory", "swap"}
CPU = {"cores", "cpulimit", "cpuunits"}
NETWORK = re.compile(r"net\d+|nameserver|searchdomain|hostname")
DISK = re.compile(r"rootfs|mp\d+|unused\d+")
DEVICE = re.compile(r"dev\d+")
NOT_CONFIG = {
    "bwlimit", "force", "ignore-unpack-errors", "node", "ostemplate", "password", "pool",
    "restore", "ssh-public-keys", "start", "storage", "unique", "vmid", "digest",
}  # fmt: skip


def privilege(name: str) -> str:
    """Return what changing an option needs."""
    if name in MEMORY:
        return "VM.Config.Memory"
    if name in CPU:
        return "VM.Config.CPU"
    if NETWORK.fullmatch(name):
        return "VM.Config.Network"
    return "VM.Config.Disk" if DISK.fullmatch(name) else "VM.Config.Options"


def check(call: Call, guest: Guest | None, names: Iterable[str], wanted: dict[str, Any]) -> None:
    """Refuse changes that the caller may not make; ``guest`` is None on create."""
    if call.who.root:
        return
    vmid = call["vmid"]
    names = [name for name in names if name not in NOT_CONFIG]
    privileged = not (guest.config if guest else wanted).get("unprivileged")
    _root_only(call, wanted, privileged=privileged, guest=guest)
    if guest is None:
        # Whoever may make the guest may say how its own pool calls it; the rest is checked.
        names = [name for name in names if name not in {"unprivileged", "ostype", "arch"}]
    for name in sorted(names, key=_order):
        call.need(f"/vms/{vmid}", privilege(name))
    for name, value in wanted.items():
        if guests.NET.fullmatch(name):
            bridge = guests.parse(str(value), "lxc-net").get("bridge")
            if bridge:
                need_bridge(call, str(bridge))
    for name, value in wanted.items():
        if DISK.fullmatch(name):
            storage = str(value).partition(":")[0]
            call.need(f"/storage/{storage}", "Datastore.AllocateSpace")


def _order(name: str) -> tuple[int, str]:
    order = [
        "VM.Config.Network",
        "VM.Config.Memory",
        "VM.Config.Disk",
        "VM.Config.Options",
        "VM.Config.CPU",
    ]
    return order.index(privilege(name)), name


def need_bridge(call: Call, bridge: str) -> None:
    call.need(f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")


def _root_only(
    call: Call, wanted: dict[str, Any], *, privileged: bool, guest: Guest | None
) -> None:
    if "hookscript" in wanted:
        raise forbidden("changing the hookscript is only allowed for root@pam")
    if any(DEVICE.fullmatch(name) for name in wanted):
        raise forbidden("configuring device passthrough is only allowed for root@pam")
    if "features" in wanted:
        _features(call, str(wanted["features"]), privileged=privileged, guest=guest)
    for name, value in wanted.items():
        volume = str(value).split(",", maxsplit=1)[0].removeprefix("volume=")
        if DISK.fullmatch(name) and volume.startswith("/"):
            call.need(f"/vms/{call['vmid']}", "VM.Config.Disk")
            kind = "device" if volume.startswith("/dev/") else "bind"
            raise forbidden(f"mount point type {kind} is only allowed for root@pam")


def _features(call: Call, value: str, *, privileged: bool, guest: Guest | None) -> None:
    if privileged:
        raise forbidden(
            "changing feature flags for privileged container is only allowed for root@pam"
        )
    if set(guests.parse(value, "lxc-features")) - {"nesting"}:
        raise forbidden("changing feature flags (except nesting) is only allowed for root@pam")
    if guest is not None:
        call.need(f"/vms/{call['vmid']}", "VM.Config.Options")
        call.need(f"/vms/{call['vmid']}", "VM.Allocate")
