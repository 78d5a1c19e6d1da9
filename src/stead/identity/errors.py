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


class SuspendedTokenError(SteadError):
    """The token is from before a restore, and may have been revoked since its copy was taken."""

    kind = Kind.UNAUTHENTICATED
    code = "token.suspended"


class WrongPasswordError(SteadError):
    """Name and password do not belong together; it is not said which of the two is wrong."""

    kind = Kind.UNAUTHENTICATED
    code = "auth.wrong_password"


class SecondFactorError(SteadError):
    """The password is right; the code of the second factor is missing or wrong."""

    kind = Kind.UNAUTHENTICATED
    code = "auth.second_factor"


class SecondFactorStateError(SteadError):
    """The second factor is on, or off, or not begun, and this needs it to be otherwise."""

    kind = Kind.CONFLICT
    code = "identity.second_factor"


class TooManyAttemptsError(SteadError):
    """There were too many failed attempts for this name or from this address."""

    kind = Kind.RATE_LIMITED
    code = "auth.too_many_attempts"
    retryable = True


class LinkUsedError(SteadError):
    """A link was used, has expired or never was."""

    kind = Kind.CONFLICT
    code = "identity.link_used"


class NameTakenError(SteadError):
    """Somebody or something else has this name."""

    kind = Kind.CONFLICT
    code = "identity.name_taken"


class LastOwnerError(SteadError):
    """A project needs an owner, and the platform an admin."""

    kind = Kind.CONFLICT
    code = "identity.last_owner"


class StillUsedError(SteadError):
    """What is to be archived still holds something."""

    kind = Kind.CONFLICT
    code = "project.still_used"


class ArchivedError(SteadError):
    """Nothing new begins in what is archived."""

    kind = Kind.CONFLICT
    code = "project.archived"


class LimitReachedError(SteadError):
    """A limit of the project would be broken."""

    kind = Kind.QUOTA
    code = "limit.reached"
