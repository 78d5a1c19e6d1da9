"""Expected failures of the fleet."""

from stead.core.errors import Kind, SteadError


class NoServersError(SteadError):
    """This platform has no address at which a plain server's agent could call."""

    kind = Kind.UNSUPPORTED
    code = "fleet.no_servers"


class ServerNameTakenError(SteadError):
    """The project has a server of this name."""

    kind = Kind.CONFLICT
    code = "fleet.name_taken"


class InvalidError(SteadError):
    """Something about the request cannot be right."""

    kind = Kind.INVALID
    code = "fleet.invalid"


class BusyError(SteadError):
    """An operation on this has not ended."""

    kind = Kind.CONFLICT
    code = "fleet.busy"


class NoAgentError(SteadError):
    """The machine has no agent that this could be said to."""

    kind = Kind.CONFLICT
    code = "fleet.no_agent"


class NoRemovalError(SteadError):
    """A package does not know how to take itself off a machine."""

    kind = Kind.UNSUPPORTED
    code = "fleet.no_removal"


class UnfitError(SteadError):
    """The machine is not what the package needs."""

    kind = Kind.CONFLICT
    code = "fleet.unfit"
