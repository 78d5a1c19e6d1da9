"""Pure translation between the port's values and Incus's JSON."""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network

from stead.engines.drivers.incus.client import Json
from stead.engines.values import (
    Guest,
    GuestSize,
    GuestSpec,
    GuestState,
    GuestUsage,
    Image,
    NetworkSpec,
)

KEY = "user.stead.key"
OWNER = "user.stead.owner"
TAGS = "user.stead.tags"


def instance_body(spec: GuestSpec, pool: str) -> dict[str, Json]:
    """Return the body that creates an unprivileged, limited container."""
    return {
        "name": spec.name,
        "type": "container",
        "description": spec.note,
        "profiles": [],
        "source": {"type": "image", "alias": spec.image},
        "config": {
            **size_config(GuestSize(spec.cores, spec.memory_mb, spec.disk_gb)),
            "limits.processes": "2000",
            "security.idmap.isolated": "true",
            "security.guestapi": "false",
            "security.privileged": "false",
            "security.nesting": str(spec.nesting).lower(),
            KEY: spec.key,
            OWNER: spec.owner,
            TAGS: ",".join(spec.tags),
        },
        "devices": {
            "root": {
                "type": "disk",
                "path": "/",
                "pool": spec.pool or pool,
                "size": f"{spec.disk_gb}GiB",
            },
            # One that is kept for later is on nobody's network yet.
            **({"eth0": _interface(spec)} if spec.network else {}),
        },
    }


def size_config(size: GuestSize) -> dict[str, Json]:
    """Return the limits that are settings; the disk's belongs to its device.

    Only a share of a period limits processors for certain; a percentage gives way.
    """
    return {
        "limits.cpu.allowance": f"{size.cores * 100}ms/100ms",
        "limits.memory": f"{size.memory_mb}MiB",
    }


def _interface(spec: GuestSpec) -> dict[str, Json]:
    interface: dict[str, Json] = {
        "type": "nic",
        "name": "eth0",
        "network": spec.network,
        "security.mac_filtering": "true",
        "security.ipv4_filtering": "true",
        "security.ipv6_filtering": "true",
        # Isolated guests reach none of their kind, but the one that is not, and it them.
        "security.port_isolation": "false" if spec.reachable else "true",
    }
    if spec.address is not None:
        interface["ipv4.address"] = str(spec.address)
    if spec.mac:
        interface["hwaddr"] = spec.mac
    return interface


def network_config(spec: NetworkSpec) -> dict[str, Json]:
    """Return the settings of a project's bridge."""
    first, last = spec.cidr[2], spec.cidr[-2]
    return {
        "ipv4.address": f"{spec.gateway}/{spec.cidr.prefixlen}",
        "ipv4.nat": "true",
        "ipv4.dhcp": "true",
        "ipv4.dhcp.ranges": f"{first}-{last}",
        "ipv6.address": "none",
        "dns.mode": "managed",
        "security.acls": spec.name,
        "security.acls.default.ingress.action": "drop",
        "security.acls.default.egress.action": "allow",
    }


def acl_body(spec: NetworkSpec) -> dict[str, Json]:
    """Return the rules between this network and everything else.

    The gateway's agent port is the only door to the control plane (DNS and DHCP are open by
    themselves), other projects are closed, and only the gateway may reach the guests. Incus
    applies refusals before permissions, so what is refused must leave the gateway's port out,
    and the part of the network whose guests their neighbours may speak to.
    """
    gateway = IPv4Network(f"{spec.gateway}/32")
    holes = [gateway] if spec.reachable is None else [gateway, spec.reachable]
    refused: list[dict[str, Json]] = [
        {"destination": str(part)} for part in _without(spec.fenced_off, holes)
    ]
    around = ((1, spec.agent_port - 1), (spec.agent_port + 1, 65535))
    ports = ",".join(f"{first}-{last}" for first, last in around if first <= last)
    refused.append({"destination": str(gateway), "protocol": "tcp", "destination_port": ports})
    refused.append({"destination": str(gateway), "protocol": "udp", "destination_port": "1-65535"})
    egress: list[Json] = [{"action": "reject", "state": "enabled", **rule} for rule in refused]
    ingress: list[Json] = [{"action": "allow", "source": str(gateway), "state": "enabled"}]
    if spec.reachable is not None:
        between: dict[str, Json] = {"source": str(spec.cidr), "destination": str(spec.reachable)}
        ingress.append({"action": "allow", "state": "enabled", **between})
    return {"egress": egress, "ingress": ingress}


def guest(raw: Mapping[str, Json]) -> Guest:
    """Return a guest from Incus's description, with its state when that was asked for."""
    settings = _part(raw, "config")
    devices = _part(raw, "devices")
    node = str(raw.get("location", ""))
    return Guest(
        name=str(raw.get("name", "")),
        key=str(settings.get(KEY, "")),
        owner=str(settings.get(OWNER, "")),
        state=_state(raw),
        addresses=_addresses(devices),
        # Outside a cluster Incus says that there is no location.
        node=node if node not in {"", "none"} else "local",
        mac=str(_part(devices, "eth0").get("hwaddr") or settings.get("volatile.eth0.hwaddr", "")),
        note=str(raw.get("description", "")),
        tags=tuple(tag for tag in str(settings.get(TAGS, "")).split(",") if tag),
        size=GuestSize(
            cores=_number(settings.get("limits.cpu.allowance"), r"(\d+)00ms/100ms"),
            memory_mb=_number(settings.get("limits.memory"), r"(\d+)MiB"),
            disk_gb=_number(_part(devices, "root").get("size"), r"(\d+)GiB"),
        ),
    )


def images(raw: Mapping[str, Json]) -> list[Image]:
    """Return an image under each of its names."""
    key = str(_part(raw, "properties").get(KEY, ""))
    size = raw.get("size")
    aliases = raw.get("aliases")
    return [
        Image(str(alias.get("name", "")), key, size if isinstance(size, int) else 0)
        for alias in (aliases if isinstance(aliases, list) else [])
        if isinstance(alias, dict)
    ]


def usage(raw: Mapping[str, Json]) -> GuestUsage:
    """Return what a running guest uses; its memory is with what the kernel caches for it."""
    state = _part(raw, "state")
    counters = [
        _part(each, "counters")
        for name, each in _part(state, "network").items()
        if isinstance(each, dict) and name != "lo"
    ]
    return GuestUsage(
        name=str(raw.get("name", "")),
        cpu_seconds=_count(_part(state, "cpu").get("usage")) / 1e9,
        memory_bytes=_count(_part(state, "memory").get("usage")),
        disk_bytes=_count(_part(_part(state, "disk"), "root").get("usage")),
        received_bytes=sum(_count(each.get("bytes_received")) for each in counters),
        sent_bytes=sum(_count(each.get("bytes_sent")) for each in counters),
    )


def _state(raw: Mapping[str, Json]) -> GuestState:
    status = str(raw.get("status", ""))
    if status == "Error" and raw.get("config") is None:
        # Its member does not answer, and only that member knows more than its name.
        return GuestState.UNREACHABLE
    known = {
        "Running": GuestState.RUNNING,
        "Stopped": GuestState.STOPPED,
        "Error": GuestState.ERROR,
    }
    return known.get(status, GuestState.BUSY)


def _part(raw: Mapping[str, Json], name: str) -> dict[str, Json]:
    part = raw.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: Json, pattern: str) -> int:
    """Return the number in one of our own settings; 0 for what somebody else wrote there."""
    found = re.fullmatch(pattern, str(value))
    return int(found[1]) if found is not None else 0


def _count(value: Json) -> int:
    """Return a counter; some are below zero when the kernel does not account for them."""
    return max(0, value) if isinstance(value, int) else 0


def _addresses(devices: Mapping[str, Json]) -> tuple[str, ...]:
    found = [d.get("ipv4.address") for d in devices.values() if isinstance(d, dict)]
    return tuple(address for address in found if isinstance(address, str))


def _without(closed: Iterable[IPv4Network], holes: Sequence[IPv4Network]) -> list[IPv4Network]:
    left = list(closed)
    for hole in holes:
        left = [part for one in left for part in _around(one, hole)]
    return left


def _around(network: IPv4Network, hole: IPv4Network) -> list[IPv4Network]:
    if not hole.subnet_of(network):
        return [network]
    return list(network.address_exclude(hole))
