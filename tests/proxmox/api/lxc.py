"""Containers: lists, status, addresses, features, numbers over time."""

import ipaddress
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.call import Call, serves
from tests.proxmox.world import Guest, World

INDEX = [
    "config",
    "pending",
    "status",
    "vncproxy",
    "termproxy",
    "vncwebsocket",
    "spiceproxy",
    "migrate",
    "clone",
    "rrd",
    "rrddata",
    "firewall",
    "snapshot",
    "resize",
    "interfaces",
]


@serves("GET /nodes/{node}/lxc")
async def containers(call: Call) -> object:
    return [
        guests.status(call.world, guest)
        for guest in call.world.guests.values()
        if guest.kind == "lxc"
        and guest.node == call["node"]
        and call.may(f"/vms/{guest.vmid}", "VM.Audit")
    ]


@serves("GET /nodes/{node}/lxc/{vmid}")
async def index(call: Call) -> object:
    return [{"subdir": name} for name in INDEX]


@serves("GET /nodes/{node}/lxc/{vmid}/status")
async def status_index(call: Call) -> object:
    return [
        {"subdir": name} for name in ("current", "start", "stop", "shutdown", "reboot", "migrate")
    ]


@serves("GET /nodes/{node}/lxc/{vmid}/status/current")
async def current(call: Call) -> object:
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    return guests.status(call.world, guest) | {"ha": {"managed": 0}}


@serves("GET /nodes/{node}/lxc/{vmid}/interfaces")
async def interfaces(call: Call) -> object:
    """List what is in the guest; nothing at all for one that does not run or exist."""
    guest = call.world.guests.get((call["node"], call["vmid"]))
    if guest is None or not guest.running:
        return None
    return [_loopback(), *(_interface(call.world, guest, key) for key in guest.plugged)]


def _loopback() -> dict[str, Any]:
    zero = "00:00:00:00:00:00"
    return {
        "name": "lo",
        "hwaddr": zero,
        "hardware-address": zero,
        "inet": "127.0.0.1/8",
        "inet6": "::1/128",
        "ip-addresses": [
            {"ip-address": "127.0.0.1", "ip-address-type": "inet", "prefix": "8"},
            {"ip-address": "::1", "ip-address-type": "inet6", "prefix": "128"},
        ],
    }


def _interface(world: World, guest: Guest, key: str) -> dict[str, Any]:
    net = guests.parse(guest.plugged[key], "lxc-net")
    mac = str(net.get("hwaddr", "")).lower()
    row: dict[str, Any] = {
        "name": net["name"],
        "hwaddr": mac,
        "hardware-address": mac,
        "ip-addresses": [],
    }
    if world.clock.now() - guest.started < world.settings.address or not net.get("bridge"):
        return row
    wanted = str(net.get("ip", ""))
    if wanted in {"", "manual"}:
        return row
    address = leased(world, guest, mac) if wanted == "dhcp" else wanted
    link_local = f"fe80::{mac.replace(':', '')[-6:-4]}ff:fe{mac.replace(':', '')[-4:-2]}:1"
    row |= {"inet": address, "inet6": f"{ipaddress.ip_address(link_local)}/64"}
    for family, text in (("inet", address), ("inet6", row["inet6"])):
        host, _, prefix = str(text).partition("/")
        row["ip-addresses"].append(
            {"ip-address": host, "ip-address-type": family, "prefix": prefix}
        )
    return row


def leased(world: World, guest: Guest, mac: str) -> str:
    """Return the address that a guest gets by DHCP: always the same for the same card."""
    return f"10.78.0.{20 + int(mac.replace(':', ''), 16) % 200}/24"


@serves("GET /nodes/{node}/lxc/{vmid}/feature")
async def feature(call: Call) -> object:
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    kept = [volumes.volume_of(str(guest.config["rootfs"]))] if "rootfs" in guest.config else []
    if call["feature"] == "snapshot":
        fine = volumes.can_snapshot(call.world, guest)
    elif call["feature"] == "clone":
        fine = all(volumes.can_link(call.world, volume) for volume in kept)
    else:
        fine = True
    return {"hasFeature": int(fine)}


@serves("GET /nodes/{node}/lxc/{vmid}/rrddata")
async def numbers(call: Call) -> object:
    """Return a row a minute; those before the guest was there hold only the time."""
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    now = int(call.world.clock.now()) // 60 * 60
    full = guests.status(call.world, guest)
    names = ("cpu", "mem", "netin", "netout", "diskread", "diskwrite")
    stopped = {name: full[name] for name in ("maxmem", "disk", "maxdisk")}
    stopped["maxcpu"] = full["cpus"]
    live = {name: full[name] for name in names}

    def row(moment: int) -> dict[str, Any]:
        if moment < now - 900:
            return {"time": moment}
        ran = guest.started and now - 600 <= moment < now - 300
        runs = guest.running and moment >= now - 300
        return {"time": moment, **stopped, **(live if ran or runs else {})}

    return [row(moment) for moment in range(now - 69 * 60, now + 60, 60)]
