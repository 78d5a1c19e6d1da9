"""The firewall: options, rules, sets and aliases of guests, nodes and the datacenter."""

import ipaddress
import re
from typing import Any

from tests.proxmox.call import Call, Reply, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.world import Firewall, digest

CONTROL = {"node", "vmid", "pos", "digest", "delete", "moveto", "group", "name"}
MODIFIED = "detected modified configuration - file changed by other user? Try again."
MACROS = (
    "DHCPfwd",
    "DNS",
    "FTP",
    "HTTP",
    "HTTPS",
    "IMAP",
    "MySQL",
    "NTP",
    "Ping",
    "PostgreSQL",
    "SMTP",
    "SSH",
    "Web",
)
GUEST = ("/nodes/{node}/lxc/{vmid}/firewall", "/nodes/{node}/qemu/{vmid}/firewall")


def each(method: str, rest: str, *bases: str) -> tuple[str, ...]:
    return tuple(f"{method} {base}{rest}" for base in (bases or GUEST))


def firewall(call: Call) -> Firewall:
    """Return the firewall that a path is about; a guest's need not exist."""
    if "vmid" in call.params:
        return call.world.guest_firewalls.setdefault(call["vmid"], Firewall())
    if "node" in call.params:
        return call.world.nodes[call["node"]].firewall
    return call.world.firewall


def file_digest(one: Firewall) -> str:
    content = [one.options, one.rules, one.ipsets, one.aliases]
    return digest(content if any(content) else None)


def check_digest(call: Call, one: Firewall) -> None:
    if call.get("digest") and call["digest"] != file_digest(one):
        raise died(MODIFIED)


@serves("GET /nodes/{node}/lxc/{vmid}/firewall")
async def index(call: Call) -> object:
    return [{"name": name} for name in ("rules", "aliases", "ipset", "refs", "options")]


@serves(
    *each("GET", "/options"),
    *each("GET", "/options", "/cluster/firewall", "/nodes/{node}/firewall"),
)
async def options(call: Call) -> object:
    one = firewall(call)
    return {**one.options, "digest": file_digest(one)}


@serves(*each("PUT", "/options"), *each("PUT", "/options", "/cluster/firewall"))
async def set_options(call: Call) -> object:
    one = firewall(call)
    check_digest(call, one)
    for name in split_list(str(call.get("delete", ""))):
        one.options.pop(name, None)
    one.options |= {key: value for key, value in call.params.items() if key not in CONTROL}
    return None


def rows(one: Firewall, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**rule, "pos": pos, "digest": file_digest(one)} | _version(rule)
        for pos, rule in enumerate(rules)
    ]


def _version(rule: dict[str, Any]) -> dict[str, int]:
    for key in ("source", "dest"):
        try:
            return {"ipversion": ipaddress.ip_network(str(rule.get(key)), strict=False).version}
        except ValueError:
            continue
    return {}


@serves(*each("GET", "/rules"), *each("GET", "/rules", "/nodes/{node}/firewall"))
async def rules(call: Call) -> object:
    one = firewall(call)
    return rows(one, one.rules)


def check_rule(call: Call, one: Firewall) -> None:
    """Refuse what names a macro, alias, set or interface that there is not."""
    macro = call.get("macro")
    if macro and macro not in MACROS:
        raise invalid(macro=f"unknown macro '{macro}'")
    if call.get("iface") and "vmid" in call.params and not re.fullmatch(r"net\d+", call["iface"]):
        raise invalid(iface="value does not match the regex pattern 'net\\d+'")
    if call.get("dport") and not call.get("proto") and not macro:
        raise invalid(proto="missing property - 'dport' requires this property")
    for side in ("source", "dest"):
        for address in split_list(str(call.get(side, ""))):
            _check_address(call, one, side, address)


def _check_address(call: Call, one: Firewall, side: str, address: str) -> None:
    name = re.sub(r"^(dc|guest)/", "", address.removeprefix("+"))
    if address.startswith("+"):
        if name not in {**one.ipsets, **call.world.firewall.ipsets}:
            raise invalid(**{side: f"no such ipset '{name}'"})
        return
    try:
        ipaddress.ip_network(address, strict=False)
    except ValueError:
        known = {**one.aliases, **call.world.firewall.aliases}
        if "-" in address and address[0].isdigit():
            return
        if name not in known:
            raise invalid(**{side: f"no such alias '{address}'"}) from None


def make_rule(call: Call) -> dict[str, Any]:
    made = {key: value for key, value in call.params.items() if key not in CONTROL}
    return {"enable": 0, **made}


@serves(*each("POST", "/rules"))
async def add_rule(call: Call) -> object:
    """Add a rule before all others; it is off unless asked otherwise."""
    one = firewall(call)
    check_digest(call, one)
    check_rule(call, one)
    one.rules.insert(0, make_rule(call))
    return None


def _at(call: Call, one: Firewall) -> int:
    pos = int(call["pos"])
    if pos >= len(one.rules):
        raise died(f"no rule at position {pos}")
    return pos


@serves(*each("GET", "/rules/{pos}"))
async def rule(call: Call) -> object:
    one = firewall(call)
    return rows(one, one.rules)[_at(call, one)] | {"pos": str(call["pos"])}


@serves(*each("PUT", "/rules/{pos}"))
async def change_rule(call: Call) -> object:
    one = firewall(call)
    check_digest(call, one)
    pos = _at(call, one)
    if "moveto" in call.params:
        moved = one.rules.pop(pos)
        target = int(call["moveto"])
        one.rules.insert(target - 1 if target > pos else target, moved)
        return None
    check_rule(call, one)
    for name in split_list(str(call.get("delete", ""))):
        one.rules[pos].pop(name, None)
    one.rules[pos] |= {key: value for key, value in call.params.items() if key not in CONTROL}
    return None


@serves(*each("DELETE", "/rules/{pos}"))
async def delete_rule(call: Call) -> object:
    one = firewall(call)
    check_digest(call, one)
    del one.rules[_at(call, one)]
    return None


@serves("GET /nodes/{node}/lxc/{vmid}/firewall/refs")
async def references(call: Call) -> object:
    one, rows = firewall(call), []
    for kind, sets in (("alias", one.aliases), ("ipset", one.ipsets)):
        sign = "+" if kind == "ipset" else ""
        rows += [{"type": kind, "name": name, "ref": f"{sign}guest/{name}"} for name in sets]
    return rows


@serves("GET /nodes/{node}/lxc/{vmid}/firewall/log")
async def log(call: Call) -> object:
    line = {"n": 1, "t": "unable to open file - No such file or directory"}
    return Reply(line, {"total": 1})


@serves("GET /cluster/firewall/macros")
async def macros(call: Call) -> object:
    return [{"macro": name, "descr": f"{name} traffic"} for name in MACROS]
