"""Every request this driver can make, with the parameters it may carry; nothing else is sent.

Proxmox refuses unknown parameters, also in queries, so the table is held against its schema.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Call:
    """One method of the API. ``path`` names its variables in braces."""

    method: str
    path: str
    params: frozenset[str] = frozenset()

    @property
    def changes(self) -> bool:
        """Tell whether an answer that never came leaves a question open."""
        return self.method != "GET"


ALL: Final[list[Call]] = []


def _call(method: str, path: str, params: str = "") -> Call:
    call = Call(method, path, frozenset(params.split()))
    ALL.append(call)
    return call


DC_FW_OPTIONS: Final = _call("GET", "/cluster/firewall/options")
VERSION: Final = _call("GET", "/version")
CLUSTER_STATUS: Final = _call("GET", "/cluster/status")
RESOURCES: Final = _call("GET", "/cluster/resources", "type")
NODES: Final = _call("GET", "/nodes")

LOGIN: Final = _call("POST", "/access/ticket", "username password")
PERMISSIONS: Final = _call("GET", "/access/permissions", "path userid")
ROLE_CREATE: Final = _call("POST", "/access/roles", "roleid privs")
ROLE_UPDATE: Final = _call("PUT", "/access/roles/{roleid}", "privs append")
USERS: Final = _call("GET", "/access/users", "full enabled")
USER_CREATE: Final = _call("POST", "/access/users", "userid password groups expire comment")
USER_DELETE: Final = _call("DELETE", "/access/users/{userid}")
ACL_UPDATE: Final = _call("PUT", "/access/acl", "path roles users propagate")

TASKS: Final = _call("GET", "/nodes/{node}/tasks", "source vmid typefilter limit")
TASK_STATUS: Final = _call("GET", "/nodes/{node}/tasks/{upid}/status")
TASK_LOG: Final = _call("GET", "/nodes/{node}/tasks/{upid}/log", "start limit")

CT_CREATE: Final = _call(
    "POST",
    "/nodes/{node}/lxc",
    "vmid ostemplate hostname unprivileged rootfs storage net0 memory swap cores onboot tags"
    " description pool nameserver ssh-public-keys restore unique force features",
)
CT_CONFIG: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/config", "current")
CT_UPDATE: Final = _call(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/config",
    "hostname net0 memory swap cores onboot protection tags description cmode delete digest"
    " nameserver features",
)
CT_PENDING: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/pending")
CT_STATUS: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/status/current")
CT_START: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/status/start")
CT_STOP: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/status/stop")
CT_SHUTDOWN: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/status/shutdown", "timeout forceStop")
CT_REBOOT: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/status/reboot", "timeout")
CT_DELETE: Final = _call(
    "DELETE", "/nodes/{node}/lxc/{vmid}", "purge force destroy-unreferenced-disks"
)
CT_CLONE: Final = _call(
    "POST",
    "/nodes/{node}/lxc/{vmid}/clone",
    "newid hostname description pool full storage target snapname",
)
CT_TEMPLATE: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/template")
CT_FEATURE: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/feature", "feature snapname")
CT_RESIZE: Final = _call("PUT", "/nodes/{node}/lxc/{vmid}/resize", "disk size")
CT_SNAPSHOTS: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/snapshot")
CT_SNAPSHOT: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/snapshot", "snapname description")
CT_SNAPSHOT_DELETE: Final = _call("DELETE", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}")
CT_ROLLBACK: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback")
CT_TERM: Final = _call("POST", "/nodes/{node}/lxc/{vmid}/termproxy")
CT_FW_SET: Final = _call(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/firewall/options",
    "enable policy_in policy_out macfilter ipfilter dhcp digest",
)
CT_FW_RULES: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/firewall/rules")
CT_FW_ADD: Final = _call(
    "POST",
    "/nodes/{node}/lxc/{vmid}/firewall/rules",
    "type action enable proto dport source dest comment iface digest pos",
)
CT_FW_DELETE: Final = _call("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", "digest")

CT_INTERFACES: Final = _call("GET", "/nodes/{node}/lxc/{vmid}/interfaces")

VM_CONFIG: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/config", "current")
VM_UPDATE: Final = _call(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/config",
    "name memory cores sockets onboot protection tags description net0 ipconfig0 ciuser sshkeys"
    " nameserver ciupgrade delete digest",
)
VM_PENDING: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/pending")
VM_STATUS: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/status/current")
VM_START: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/status/start")
VM_STOP: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/status/stop")
VM_SHUTDOWN: Final = _call(
    "POST", "/nodes/{node}/qemu/{vmid}/status/shutdown", "timeout forceStop"
)
VM_DELETE: Final = _call("DELETE", "/nodes/{node}/qemu/{vmid}", "purge destroy-unreferenced-disks")
VM_CLONE: Final = _call(
    "POST",
    "/nodes/{node}/qemu/{vmid}/clone",
    "newid name description pool full storage target",
)
VM_FEATURE: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/feature", "feature snapname")
VM_RESIZE: Final = _call("PUT", "/nodes/{node}/qemu/{vmid}/resize", "disk size")

VM_TEMPLATE: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/template")
VM_RESTORE: Final = _call(
    "POST", "/nodes/{node}/qemu", "vmid archive unique storage name description pool"
)
VM_SNAPSHOTS: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/snapshot")
VM_SNAPSHOT: Final = _call(
    "POST", "/nodes/{node}/qemu/{vmid}/snapshot", "snapname description vmstate"
)
VM_SNAPSHOT_DELETE: Final = _call("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
VM_ROLLBACK: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback")
VM_FW_SET: Final = _call(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/firewall/options",
    "enable policy_in policy_out macfilter ipfilter dhcp digest",
)
VM_FW_RULES: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/firewall/rules")
VM_FW_ADD: Final = _call(
    "POST",
    "/nodes/{node}/qemu/{vmid}/firewall/rules",
    "type action enable proto dport source dest comment iface digest pos",
)
VM_FW_DELETE: Final = _call("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", "digest")
VM_SETS: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset")
VM_SET_CREATE: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset", "name comment")
VM_SET_READ: Final = _call("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}")
VM_SET_ADD: Final = _call("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", "cidr")
VM_SET_REMOVE: Final = _call("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}")

VZDUMP: Final = _call(
    "POST", "/nodes/{node}/vzdump", "vmid storage mode compress remove notes-template"
)
STORAGES: Final = _call("GET", "/nodes/{node}/storage", "enabled content")
STORAGE_CONTENT: Final = _call("GET", "/nodes/{node}/storage/{storage}/content", "content vmid")
VOLUME_DELETE: Final = _call("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}")

NODE_TIME: Final = _call("GET", "/nodes/{node}/time")
NETWORK: Final = _call("GET", "/nodes/{node}/network", "type")
BRIDGE_CREATE: Final = _call("POST", "/nodes/{node}/network", "iface type cidr autostart comments")
BRIDGE_DELETE: Final = _call("DELETE", "/nodes/{node}/network/{iface}")
NETWORK_APPLY: Final = _call("PUT", "/nodes/{node}/network")

POOL_CREATE: Final = _call("POST", "/pools", "poolid comment")
POOL_UPDATE: Final = _call("PUT", "/pools", "poolid vms delete allow-move")
POOL_DELETE: Final = _call("DELETE", "/pools", "poolid")
