"""Expected failures of deployments."""

from stead.core.errors import Kind, SteadError


class BusyError(SteadError):
    """An operation on this deployment has not ended."""

    kind = Kind.CONFLICT
    code = "deployment.busy"


class InvalidRequestError(SteadError):
    """The name or the size does not fit."""

    kind = Kind.INVALID
    code = "deployment.invalid"
