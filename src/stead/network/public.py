"""The network domain's door."""

from stead.network.service import (
    Address,
    Network,
    Owner,
    get_network,
    list_networks,
    release_address,
    reserve_address,
    tidy,
)
from stead.network.settings import SETTINGS

__all__ = [
    "SETTINGS",
    "Address",
    "Network",
    "Owner",
    "get_network",
    "list_networks",
    "release_address",
    "reserve_address",
    "tidy",
]
