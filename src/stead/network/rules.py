"""Pure choices: the next free network, the next free address, an address's MAC."""

from collections.abc import Container, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Final

PREFIX: Final = 24
FIRST_HOST: Final = 10
LAST_HOST: Final = 250
# The firewall of a network is made once, so who can be reached is told by the address.
FIRST_OPEN: Final = 192


def next_network(
    within: IPv4Network, used: Container[str], reserved: Sequence[IPv4Network | IPv6Network] = ()
) -> IPv4Network | None:
    """Return the first free /24 of the range that touches nothing reserved."""
    kept = [one for one in reserved if isinstance(one, IPv4Network)]
    return next(
        (
            net
            for net in within.subnets(new_prefix=PREFIX)
            if str(net) not in used and not any(net.overlaps(one) for one in kept)
        ),
        None,
    )


def next_address(
    network: IPv4Network, used: Container[str], *, reachable: bool = False
) -> IPv4Address | None:
    """Return the first free address; the low and the highest ones stay for infrastructure."""
    hosts = range(FIRST_OPEN, LAST_HOST + 1) if reachable else range(FIRST_HOST, FIRST_OPEN)
    candidates = (network[host] for host in hosts)
    return next((ip for ip in candidates if str(ip) not in used), None)


def first_free(first: IPv4Address, last: IPv4Address, used: Container[str]) -> IPv4Address | None:
    """Return the first free address of a span that an admin gave."""
    span = (first + step for step in range(int(last) - int(first) + 1))
    return next((ip for ip in span if str(ip) not in used), None)


def open_part(network: IPv4Network) -> IPv4Network:
    """Return the last quarter of a network, whose guests their neighbours may speak to."""
    return list(network.subnets(2))[-1]


def gateway(network: IPv4Network) -> IPv4Address:
    """Return the address of the network's gateway."""
    return network[1]


def mac_for(address: IPv4Address) -> str:
    """Return the MAC of an address: locally administered, so that it clashes with no vendor."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x57, *address.packed))
