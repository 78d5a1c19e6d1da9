"""The one place where Incus's failures become the port's errors."""

import re
from typing import Final

from stead.engines import errors

_BY_STATUS: Final[dict[int, type[errors.EngineError]]] = {
    400: errors.InvalidError,
    401: errors.AuthRejectedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    412: errors.ConflictError,
    503: errors.UnreachableError,
}

# Incus answers many refusals with 400 or 500 and tells them apart only in words.
_BY_WORDS: Final[tuple[tuple[str, type[errors.EngineError]], ...]] = (
    (r"reached maximum (aggregate|number)", errors.QuotaError),
    # What one member of a cluster says of another one.
    (r"server isn't ready yet|missing event connection with target", errors.UnreachableError),
    (r"raft cluster is unavailable|no available \S+ leader", errors.UnreachableError),
    (r"unable to connect to: |peer node \S+ is down", errors.UnreachableError),
    (
        r'^(get|put|post|patch|delete) "https://.*(eof|reset by peer|timeout)',
        errors.OutcomeUnknownError,
    ),
    (r"cluster member is (evacuated|offline)", errors.LockedError),
    (r"couldn't find a cluster member", errors.ConflictError),
    (r"no space left|disk quota exceeded", errors.QuotaError),
    # Two calls that saw none both began one, and the next look finds whose there is.
    (
        r"failed creating instance record: .*(already exists|unique constraint failed)",
        errors.LockedError,
    ),
    (r"already exists|unique constraint failed|not in pending state", errors.ExistsError),
    (r"already in use|already defined", errors.ConflictError),
    (r"instance is (not )?running|currently (running|stopped)", errors.ConflictError),
    (r"unsupported compression|not a valid (image|tar)", errors.InvalidError),
    (r"is busy running|busy deleting|in progress", errors.LockedError),
    (r"not authorized|certificate is restricted", errors.ForbiddenError),
    (r"forbidden|not allowed", errors.ForbiddenError),
    (r"not found|image not provided", errors.NotFoundError),
)


def translate(status: int, words: str, doing: str) -> errors.EngineError:
    """Return the error for an answer of Incus; ``doing`` says what we had asked for."""
    error_type = next(
        (kind for pattern, kind in _BY_WORDS if re.search(pattern, words, re.IGNORECASE)),
        _BY_STATUS.get(status, errors.TaskFailedError),
    )
    return error_type(f"Incus could not {doing}: {words}", native=words)
