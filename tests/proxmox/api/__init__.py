"""The handlers of the endpoints, by area."""

from tests.proxmox.api import (
    access,
    accounts,
    backup,
    cluster,
    consoles,
    content,
    firewall,
    firewall_sets,
    lxc,
    lxc_clone,
    lxc_config,
    lxc_create,
    lxc_disk,
    lxc_power,
    network,
    nodes,
    pools,
    qemu,
    qemu_copies,
    qemu_work,
    storage,
    tasks,
)
from tests.proxmox.call import HANDLERS

MODULES = (
    access,
    accounts,
    backup,
    cluster,
    consoles,
    content,
    firewall,
    firewall_sets,
    lxc,
    lxc_clone,
    lxc_config,
    lxc_create,
    lxc_disk,
    lxc_power,
    network,
    nodes,
    pools,
    qemu,
    qemu_copies,
    qemu_work,
    storage,
    tasks,
)

__all__ = ["HANDLERS", "MODULES"]
