"""Pure translation between the port's values and Incus's JSON."""

from collections.abc import Mapping
from ipaddress import IPv4Network

from stead.engines.drivers.incus.client import Json
from stead.engines.values import Guest, GuestSpec, GuestState, NetworkSpec

KEY = "user.stead.key"
OWNER = "user.stead.owner"


def instance_body(spec: GuestSpec, pool: str) -> dict[str, Json]:
    """Return the body that creates an unprivileged, limited container."""
    return {
        "name": spec.name,
        "type": "container",
        "profiles": [],
        "source": {"type": "image", "alias": spec.image},
        "config": {
            "limits.cpu.allowance": f"{spec.cores * 100}ms/100ms",
            "limits.memory": f"{spec.memory_mb}MiB",
            "limits.processes": "2000",
            "security.idmap.isolated": "true",
            "security.guestapi": "false",
            "security.privileged": "false",
            "security.nesting": "false",
            "boot.autostart": "true",
            KEY: spec.key,
            OWNER: spec.owner,
        },
        "devices": {
            "root": {
                "type": "disk",
                "path": "/",
                "pool": spec.pool or pool,
                "size": f"{spec.disk_gb}GiB",
            },
            "eth0": {
                "type": "nic",
                "name": "eth0",
                "network": spec.network,
                "ipv4.address": str(spec.address),
                "hwaddr": spec.mac,
                "security.mac_filtering": "true",
                "security.ipv4_filtering": "true",
                "security.ipv6_filtering": "true",
                "security.port_isolation": "true",
            },
        },
    }


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
    applies refusals before permissions, so what is refused must leave the gateway's port out.
    """
    gateway = IPv4Network(f"{spec.gateway}/32")
    refused: list[dict[str, Json]] = [
        {"destination": str(part)}
        for closed in spec.fenced_off
        for part in _without(closed, gateway)
    ]
    around = ((1, spec.agent_port - 1), (spec.agent_port + 1, 65535))
    ports = ",".join(f"{first}-{last}" for first, last in around if first <= last)
    refused.append({"destination": str(gateway), "protocol": "tcp", "destination_port": ports})
    refused.append({"destination": str(gateway), "protocol": "udp", "destination_port": "1-65535"})
    egress: list[Json] = [{"action": "reject", "state": "enabled", **rule} for rule in refused]
    ingress: list[Json] = [{"action": "allow", "source": str(gateway), "state": "enabled"}]
    return {"egress": egress, "ingress": ingress}


def guest(raw: Mapping[str, Json]) -> Guest:
    """Return a guest from Incus's description, with its state when that was asked for."""
    config = raw.get("config")
    settings = config if isinstance(config, dict) else {}
    return Guest(
        name=str(raw.get("name", "")),
        key=str(settings.get(KEY, "")),
        owner=str(settings.get(OWNER, "")),
        state=_state(str(raw.get("status", ""))),
        addresses=_addresses(raw),
    )


def _state(status: str) -> GuestState:
    known = {
        "Running": GuestState.RUNNING,
        "Stopped": GuestState.STOPPED,
        "Error": GuestState.ERROR,
    }
    return known.get(status, GuestState.BUSY)


def _addresses(raw: Mapping[str, Json]) -> tuple[str, ...]:
    devices = raw.get("devices")
    if not isinstance(devices, dict):
        return ()
    found = [d.get("ipv4.address") for d in devices.values() if isinstance(d, dict)]
    return tuple(address for address in found if isinstance(address, str))


def _without(network: IPv4Network, hole: IPv4Network) -> list[IPv4Network]:
    if not hole.subnet_of(network):
        return [network]
    return list(network.address_exclude(hole))
