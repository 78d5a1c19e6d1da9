"""From which address a request comes: edges tell it, and nobody else is believed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network


def client_address(peer: str, forwarded: str, edges: Sequence[Network]) -> str:
    """Return who asks: the peer, or the last address before it that is no edge of ours.

    ``forwarded`` is what ``X-Forwarded-For`` says. What a client writes into it stands to
    the left of what the edge adds, and is not reached.
    """
    address = _parse(peer)
    if address is None:
        return ""
    for part in reversed(forwarded.split(",")):
        if not _within(address, edges):
            break
        before = _parse(part)
        if before is None:
            break
        address = before
    return str(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
