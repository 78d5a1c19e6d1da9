"""Expected failures of deployments."""

from stead.core.durable import StepError
from stead.core.errors import Kind, SteadError


class BusyError(SteadError):
    """An operation on this deployment has not ended."""

    kind = Kind.CONFLICT
    code = "deployment.busy"


class NotInPlaceError(SteadError):
    """The deployment is not in a state from which this can be done."""

    kind = Kind.CONFLICT
    code = "deployment.not_in_place"


class UnsupportedHereError(SteadError):
    """The cluster of the deployment cannot do that."""

    kind = Kind.UNSUPPORTED
    code = "deployment.unsupported"


class InvalidRequestError(SteadError):
    """The name or the size does not fit."""

    kind = Kind.INVALID
    code = "deployment.invalid"


class PolicyError(SteadError):
    """A rule that an admin set for the whole platform does not allow it."""

    kind = Kind.FORBIDDEN
    code = "deployment.policy"


class NothingToAdoptError(SteadError):
    """There is nothing on record that a guest could be adopted into."""

    kind = Kind.CONFLICT
    code = "deployment.nothing_to_adopt"


def script_failed(script: str, reason: str) -> StepError:
    """Return the failure of a package's script."""
    return StepError(
        f"{script}: {reason}",
        hint="The last lines of the log say what went wrong; correct it and deploy again",
    )
