"""The handlers of the endpoints, by area."""

from tests.proxmox.api import (
    access,
    accounts,
    cluster,
    lxc,
    lxc_clone,
    lxc_config,
    lxc_create,
    lxc_disk,
    lxc_power,
    nodes,
    pools,
    tasks,
)
from tests.proxmox.call import HANDLERS

MODULES = (
    access, accounts, cluster, lxc, lxc_clone, lxc_config, lxc_create, lxc_disk, lxc_power,
    nodes, pools, tasks,
)  # fmt: skip

__all__ = ["HANDLERS", "MODULES"]
