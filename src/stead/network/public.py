"""The network domain's door."""

from stead.network.service import (
    Address,
    Network,
    get_network,
    list_networks,
    release_address,
    reserve_address,
)

__all__ = [
    "Address",
    "Network",
    "get_network",
    "list_networks",
    "release_address",
    "reserve_address",
]
