"""Pure rules of the addresses that deployments get on a connected cluster."""

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network


def problems(asked: Mapping[str, str], ours: IPv4Network) -> dict[str, str]:
    """Return what cannot be about addresses on a cluster, by field.

    ``ours`` is the range of the server's own networks, whose addresses lead elsewhere.
    """
    try:
        network = IPv4Network(asked["network"])
    except ValueError:
        return {"network": "A network such as 192.0.2.0/24"}
    if network.overlaps(ours):
        return {"network": f"It touches {ours}, where this server's own networks are"}
    named = [name for name in ("first", "last", "gateway") if asked[name] or name != "gateway"]
    wrong = {
        name: f"An address in {network}" for name in named if not _is_host(asked[name], network)
    }
    if asked["nameserver"] and _address(asked["nameserver"]) is None:
        wrong["nameserver"] = "An address such as 192.0.2.1"
    return wrong or _order(asked)


def _order(asked: Mapping[str, str]) -> dict[str, str]:
    first, last, gateway = asked["first"], asked["last"], asked["gateway"]
    if IPv4Address(first) > IPv4Address(last):
        return {"last": "Not before the first one"}
    if gateway and share((gateway, gateway), (first, last)):
        return {"gateway": "It is one of those that guests would get"}
    return {}


def share(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Tell whether two spans of addresses, each first and last, have one in common."""
    begin, end = map(IPv4Address, one)
    other_begin, other_end = map(IPv4Address, other)
    return begin <= other_end and other_begin <= end


def _is_host(text: str, network: IPv4Network) -> bool:
    found = _address(text)
    edges = (network.network_address, network.broadcast_address)
    return found is not None and found in network and found not in edges


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None
