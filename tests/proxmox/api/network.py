"""Interfaces of a node: edits are staged, applied together, or thrown away together."""

import copy
import ipaddress
from typing import Any

from tests.proxmox.call import Call, Reply, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.tasks import Job, spawn
from tests.proxmox.world import Node

CONTROL = {"node", "iface", "delete"}
VLAN_ERROR = "missing vlan-raw-device option at /usr/share/perl5/PVE/INotify.pm line 1628."
FAMILIES = {"bridge": "bridge", "any_bridge": "bridge", "any_local_bridge": "bridge"}


def present(node: Node) -> dict[str, dict[str, Any]]:
    """Return the interfaces as they would be after the staged edits."""
    return node.interfaces if node.staged is None else node.staged


def stage(node: Node) -> dict[str, dict[str, Any]]:
    if node.staged is None:
        node.staged = copy.deepcopy(node.interfaces)
    return node.staged


@serves("GET /nodes/{node}/network")
async def interfaces(call: Call) -> object:
    """List the interfaces, bridges only to whoever may use them; staged edits as a diff."""
    node, wanted = call.world.nodes[call["node"]], call.get("type")
    rows = [
        {"iface": name, **one}
        for name, one in present(node).items()
        if wanted in {None, one["type"]} or FAMILIES.get(str(wanted)) == one["type"]
        if one["type"] != "bridge" or _may_see(call, name)
    ]
    if node.staged is None or not call.may(f"/nodes/{node.name}", "Sys.Audit", "Sys.Modify"):
        return rows
    return Reply(rows, {"changes": _diff(node)})


def _may_see(call: Call, bridge: str) -> bool:
    zone = f"/sdn/zones/localnetwork/{bridge}"
    return call.may(zone, "SDN.Audit", "SDN.Use") or call.may(
        f"/nodes/{call['node']}", "Sys.Audit", "Sys.Modify"
    )


def _diff(node: Node) -> str:
    staged = node.staged or {}
    lines = ["--- /etc/network/interfaces", "+++ /etc/network/interfaces.new"]
    for name in sorted(set(staged) | set(node.interfaces)):
        if staged.get(name) != node.interfaces.get(name):
            lines += [f"-iface {name}"] if name in node.interfaces else []
            lines += [f"+iface {name}"] if name in staged else []
    return "\n".join([*lines, ""])


@serves("GET /nodes/{node}/network/{iface}")
async def interface(call: Call) -> object:
    return _find(call)


def _find(call: Call) -> dict[str, Any]:
    found = present(call.world.nodes[call["node"]]).get(call["iface"])
    if found is None:
        raise invalid(iface="interface does not exist")
    return found


@serves("POST /nodes/{node}/network")
async def create(call: Call) -> object:
    node, name = call.world.nodes[call["node"]], call["iface"]
    if name in present(node):
        raise invalid(iface="interface already exists")
    made = _described(call, node)
    if call["type"] == "vlan" and "." not in name and not call.get("vlan-raw-device"):
        raise died(VLAN_ERROR)
    stage(node)[name] = made
    return None


@serves("PUT /nodes/{node}/network/{iface}")
async def update(call: Call) -> object:
    """Replace the settings of an interface."""
    node = call.world.nodes[call["node"]]
    _find(call)
    made = _described(call, node)
    for name in split_list(str(call.get("delete", ""))):
        for key in (name, "address", "netmask") if name == "cidr" else (name,):
            made.pop(key, None)
    stage(node)[call["iface"]] = made
    return None


def _described(call: Call, node: Node) -> dict[str, Any]:
    """Return an interface from what was asked for, or refuse it."""
    _check(call, node)
    made: dict[str, Any] = {key: value for key, value in call.params.items() if key not in CONTROL}
    made |= {"families": ["inet"], "method": "manual", "method6": "manual"}
    made["priority"] = 1 + max(
        (one.get("priority", 2) for one in present(node).values()), default=2
    )
    if call["iface"] in present(node):
        made["priority"] = present(node)[call["iface"]]["priority"]
    if "cidr" in made:
        address, _, prefix = str(made["cidr"]).partition("/")
        made |= {"address": address, "netmask": prefix, "method": "static"}
    if made["type"] == "bridge":
        made = {"bridge_ports": "", "bridge_stp": "off", "bridge_fd": "0", **made}
        if "bridge_vlan_aware" in made:
            made |= {"bridge_vlan_aware": 1, "bridge_vids": "2-4094"}
    if "comments" in made:
        made["comments"] = f"{made['comments']}\n"
    return made


def _check(call: Call, node: Node) -> None:
    name = call["iface"]
    others = {key: one for key, one in present(node).items() if key != name}
    if call.get("gateway"):
        owner = next((key for key, one in others.items() if one.get("gateway")), None)
        if owner:
            raise invalid(gateway=f"Default gateway already exists on interface '{owner}'.")
    for port in split_list(str(call.get("bridge_ports", ""))):
        owner = next(
            (
                key
                for key, one in others.items()
                if port in split_list(str(one.get("bridge_ports", "")))
            ),
            None,
        )
        if owner:
            raise invalid(bridge_ports=f"{port} is already used on interface '{owner}'.")
        if port not in present(node):
            raise died(f"bridge '{name}' - unable to find bridge port '{port}'")
    if call.get("cidr"):
        ipaddress.ip_interface(call["cidr"])


@serves("DELETE /nodes/{node}/network/{iface}")
async def delete(call: Call) -> object:
    """Take an interface out, even one that guests use."""
    _find(call)
    del stage(call.world.nodes[call["node"]])[call["iface"]]
    return None


@serves("DELETE /nodes/{node}/network")
async def revert(call: Call) -> object:
    call.world.nodes[call["node"]].staged = None
    return None


@serves("PUT /nodes/{node}/network")
async def apply(call: Call) -> object:
    """Apply everybody's edits in a task."""
    node = call.world.nodes[call["node"]]

    async def work(job: Job) -> None:
        await job.take(call.world.settings.reload)
        if node.staged is not None:
            node.interfaces = {name: _in_use(one) for name, one in node.staged.items()}
            node.staged = None

    return spawn(call.world, call["node"], "srvreload", "networking", call.who, work)


def _in_use(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "active": 1} if one.get("autostart") or one.get("active") else one
