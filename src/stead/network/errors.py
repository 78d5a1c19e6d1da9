"""Expected failures of network."""

from stead.core.errors import Kind, SteadError


class NoFreeNetworkError(SteadError):
    """The platform's range is used up."""

    kind = Kind.QUOTA
    code = "network.range_exhausted"


class NoFreeAddressError(SteadError):
    """The project's network is full."""

    kind = Kind.QUOTA
    code = "network.addresses_exhausted"
