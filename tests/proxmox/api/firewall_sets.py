"""Sets of addresses, aliases and security groups of the firewall."""

import ipaddress
from typing import Any

from tests.proxmox.api.firewall import (
    check_rule,
    each,
    file_digest,
    firewall,
    make_rule,
    rows,
)
from tests.proxmox.call import Call, died, invalid, serves
from tests.proxmox.world import Firewall

DATACENTER = "/cluster/firewall"


@serves(*each("GET", "/ipset"), *each("GET", "/ipset", DATACENTER))
async def sets(call: Call) -> object:
    one = firewall(call)
    return [
        {"name": name, "digest": file_digest(one)}
        | ({"comment": found["comment"]} if found.get("comment") else {})
        for name, found in one.ipsets.items()
    ]


@serves(*each("POST", "/ipset"), *each("POST", "/ipset", DATACENTER))
async def create_set(call: Call) -> object:
    one, name = firewall(call), call["name"]
    if call.get("rename"):
        one.ipsets[name] = one.ipsets.pop(call["rename"])
        return None
    if name in one.ipsets:
        raise invalid(name=f"IPSet '{name}' already exists")
    one.ipsets[name] = {"comment": call.get("comment", ""), "entries": {}}
    return None


def _set(call: Call) -> dict[str, Any]:
    found = firewall(call).ipsets.get(call["name"])
    if found is None:
        raise died(f"no such IPSet '{call['name']}'")
    return found


@serves(*each("DELETE", "/ipset/{name}"), *each("DELETE", "/ipset/{name}", DATACENTER))
async def delete_set(call: Call) -> object:
    if _set(call)["entries"] and not call.get("force"):
        raise died(f"IPSet '{call['name']}' is not empty")
    del firewall(call).ipsets[call["name"]]
    return None


@serves(*each("GET", "/ipset/{name}"), *each("GET", "/ipset/{name}", DATACENTER))
async def entries(call: Call) -> object:
    mark = file_digest(firewall(call))
    return [{"cidr": cidr, **one, "digest": mark} for cidr, one in _set(call)["entries"].items()]


@serves(*each("POST", "/ipset/{name}"), *each("POST", "/ipset/{name}", DATACENTER))
async def add_entry(call: Call) -> object:
    found = _set(call)["entries"]
    if call["cidr"] in found:
        raise invalid(cidr=f"address '{call['cidr']}' already exists")
    found[call["cidr"]] = {key: call[key] for key in ("comment", "nomatch") if call.get(key)}
    return None


def _entry(call: Call) -> dict[str, Any]:
    found = _set(call)["entries"]
    if call["cidr"] not in found:
        raise died("no such IP/Network")
    return dict(found[call["cidr"]])


@serves(*each("GET", "/ipset/{name}/{cidr}"))
async def entry(call: Call) -> object:
    return {"cidr": call["cidr"], **_entry(call)}


@serves(*each("PUT", "/ipset/{name}/{cidr}"))
async def change_entry(call: Call) -> object:
    _entry(call)
    kept = {key: call[key] for key in ("comment", "nomatch") if call.get(key)}
    _set(call)["entries"][call["cidr"]] = kept
    return None


@serves(*each("DELETE", "/ipset/{name}/{cidr}"))
async def delete_entry(call: Call) -> object:
    _entry(call)
    del _set(call)["entries"][call["cidr"]]
    return None


LXC = "/nodes/{node}/lxc/{vmid}/firewall"


@serves(*each("GET", "/aliases", LXC))
async def aliases(call: Call) -> object:
    one = firewall(call)
    return [_alias_row(one, name) for name in one.aliases]


def _alias_row(one: Firewall, name: str) -> dict[str, Any]:
    found = one.aliases[name]
    version = ipaddress.ip_network(found["cidr"], strict=False).version
    return {"name": name, **found, "ipversion": version, "digest": file_digest(one)}


@serves(*each("POST", "/aliases", LXC))
async def create_alias(call: Call) -> object:
    one = firewall(call)
    if call["name"] in one.aliases:
        raise invalid(name=f"alias '{call['name']}' already exists")
    one.aliases[call["name"]] = {key: call[key] for key in ("cidr", "comment") if call.get(key)}
    return None


def _alias(call: Call) -> str:
    if call["name"] not in firewall(call).aliases:
        raise died(f"no such alias '{call['name']}'")
    return str(call["name"])


@serves(*each("GET", "/aliases/{name}", LXC))
async def alias(call: Call) -> object:
    return _alias_row(firewall(call), _alias(call))


@serves(*each("PUT", "/aliases/{name}", LXC))
async def change_alias(call: Call) -> object:
    kept = {key: call[key] for key in ("cidr", "comment") if call.get(key)}
    firewall(call).aliases[_alias(call)] = kept
    return None


@serves(*each("DELETE", "/aliases/{name}", LXC))
async def delete_alias(call: Call) -> object:
    del firewall(call).aliases[_alias(call)]
    return None


@serves("GET /cluster/firewall/groups")
async def groups(call: Call) -> object:
    return [
        {"group": name, "digest": file_digest(call.world.firewall)}
        | ({"comment": one["comment"]} if one["comment"] else {})
        for name, one in call.world.groups.items()
    ]


@serves("POST /cluster/firewall/groups")
async def create_group(call: Call) -> object:
    if call["group"] in call.world.groups and not call.get("rename"):
        raise died(f"Security group '{call['group']}' already exists")
    call.world.groups[call["group"]] = {"comment": call.get("comment", ""), "rules": []}
    return None


def _group(call: Call) -> list[dict[str, Any]]:
    if call["group"] not in call.world.groups:
        raise died(f"no such security group '{call['group']}'")
    found: list[dict[str, Any]] = call.world.groups[call["group"]]["rules"]
    return found


@serves("GET /cluster/firewall/groups/{group}")
async def group(call: Call) -> object:
    return rows(call.world.firewall, _group(call))


@serves("POST /cluster/firewall/groups/{group}")
async def add_group_rule(call: Call) -> object:
    check_rule(call, call.world.firewall)
    _group(call).insert(0, make_rule(call))
    return None


@serves("DELETE /cluster/firewall/groups/{group}")
async def delete_group(call: Call) -> object:
    if _group(call):
        raise died(f"Security group '{call['group']}' is not empty")
    del call.world.groups[call["group"]]
    return None
