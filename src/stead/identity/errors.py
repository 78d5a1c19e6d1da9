"""Expected failures of identity."""

from stead.core.errors import Kind, SteadError


class InvalidRequestError(SteadError):
    """Some of what was filled in does not fit; the fields say what."""

    kind = Kind.INVALID
    code = "identity.invalid"


class ScopeTooWideError(SteadError):
    """A token was asked to hand on more than it has."""

    kind = Kind.FORBIDDEN
    code = "token.scope_too_wide"
