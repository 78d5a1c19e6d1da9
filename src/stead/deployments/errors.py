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


class NothingToAdoptError(SteadError):
    """There is nothing on record that a guest could be adopted into."""

    kind = Kind.CONFLICT
    code = "deployment.nothing_to_adopt"
