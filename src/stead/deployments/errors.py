"""Expected failures of deployments."""

from stead.agents.public import JobResult
from stead.core.durable import NeedsPersonError, StepError
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


def script_failed(script: str, result: JobResult, *, parks: bool) -> StepError:
    """Return the failure of a package's script, which may ask for a person."""
    text = f"{script}: {result.reason or f'It ended as {result.outcome}.'}"
    code = {} if result.exit_code is None else {"exit_code": str(result.exit_code)}
    if parks and result.needs_person:
        hint = "The last lines of the log say what it needs; correct it there and try again"
        return NeedsPersonError(text, hint=hint, fields=code)
    hint = "The last lines of the log say what went wrong; correct it and deploy again"
    return StepError(text, hint=hint, fields=code)
