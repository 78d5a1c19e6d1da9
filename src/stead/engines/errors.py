"""What can go wrong at an engine. Each class fixes what may be tried next."""

from enum import StrEnum
from typing import ClassVar

from typing_extensions import override

from stead.core.errors import Kind, SteadError


class Retry(StrEnum):
    """What a caller does about a failure."""

    NEVER = "never"
    LATER = "later"
    AFTER_LOOK_UP = "after_look_up"


class EngineError(SteadError):
    """An engine refused or failed; ``native`` keeps its own words for the operator.

    ``retry`` decides for a class whether a step that met it runs again.
    """

    kind = Kind.UNAVAILABLE
    code = "engine.failed"
    retry: ClassVar[Retry] = Retry.NEVER

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.retryable = cls.retry is not Retry.NEVER

    def __init__(self, message: str, *, native: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint, detail=native)
        self.native = native


class UnreachableError(EngineError):
    """Nothing answered, and nothing was asked for: safe to try again."""

    code = "engine.unreachable"
    retry = Retry.LATER


class AuthRejectedError(EngineError):
    """The engine does not know our credentials."""

    kind = Kind.FORBIDDEN
    code = "engine.auth_rejected"


class CertificateChangedError(AuthRejectedError):
    """The host shows another certificate than the one we trust; it was sent nothing."""

    code = "engine.certificate_changed"

    def __init__(self, engine: str, expected: str, shown: str) -> None:
        super().__init__(
            f"The certificate of {engine} changed: expected {expected}, got {shown}",
            hint="Compare it with the one shown on the host itself, then confirm the new one",
        )
        self.shown = shown


class ForbiddenError(EngineError):
    """The engine knows us and refuses this."""

    kind = Kind.FORBIDDEN
    code = "engine.forbidden"


class BlindError(ForbiddenError):
    """The engine shows us fewer guests than there may be, because we lost a right.

    Whoever took its answer for complete would believe that guests were deleted.
    """

    code = "engine.blind"


class NotFoundError(EngineError):
    """The object is not there."""

    kind = Kind.NOT_FOUND
    code = "engine.not_found"


class ConflictError(EngineError):
    """The object exists already or is in a state that excludes this."""

    kind = Kind.CONFLICT
    code = "engine.conflict"


class ExistsError(ConflictError):
    """The name is taken, perhaps by an earlier attempt of ours."""

    code = "engine.exists"


class LockedError(EngineError):
    """Another task holds the object; it will be free again."""

    kind = Kind.CONFLICT
    code = "engine.locked"
    retry = Retry.LATER


class QuotaError(EngineError):
    """The engine's own limit is reached."""

    kind = Kind.QUOTA
    code = "engine.quota"


class UnsupportedError(EngineError):
    """This cluster cannot do this."""

    kind = Kind.UNSUPPORTED
    code = "engine.unsupported"


class InvalidError(EngineError):
    """The engine says the request is malformed."""

    kind = Kind.INVALID
    code = "engine.invalid"


class OutcomeUnknownError(EngineError):
    """The request was sent and no answer came: look up before anything else.

    Steps begin with that look-up, so running the step again is the remedy.
    """

    code = "engine.outcome_unknown"
    retry = Retry.AFTER_LOOK_UP


class TaskFailedError(EngineError):
    """The engine accepted a task and the task failed."""

    code = "engine.task_failed"
