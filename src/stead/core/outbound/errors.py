"""Why a call to somebody else's server was not made, or brought nothing."""

from stead.core.errors import Kind, SteadError


class OutboundRefusedError(SteadError):
    """An address that Stead does not call: malformed, not HTTP, or within reach of itself."""

    kind = Kind.INVALID
    code = "outbound.refused"


class OutboundUnreachableError(SteadError):
    """A server that has no address, does not answer, or answers no HTTP that can be trusted."""

    kind = Kind.UNAVAILABLE
    code = "outbound.unreachable"
    retryable = True


class OutboundTimeoutError(OutboundUnreachableError):
    """A server that took longer than it was given."""

    code = "outbound.timeout"


class OutboundTooLargeError(SteadError):
    """A server that answered with more than was allowed for."""

    kind = Kind.TOO_LARGE
    code = "outbound.too_large"
