"""Expected failures of exposure."""

from stead.core.errors import Kind, SteadError


class HostTakenError(SteadError):
    """Another route has this host name."""

    kind = Kind.CONFLICT
    code = "route.host_taken"


class NoFreePortError(SteadError):
    """All TCP ports that routes may use are taken."""

    kind = Kind.QUOTA
    code = "route.ports_exhausted"


class EdgeRefusedError(SteadError):
    """The edge's token is not known."""

    kind = Kind.UNAUTHENTICATED
    code = "edge.refused"
