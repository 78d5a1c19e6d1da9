"""The root of expected failures. Edges map ``kind`` once: HTTP, pages, CLI, retries."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """What a caller can do about a failure."""

    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    INVALID = "invalid"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"


HTTP_STATUS: Mapping[Kind, int] = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.STALE: 412,
    Kind.INVALID: 422,
    Kind.MALFORMED: 400,
    Kind.TOO_LARGE: 413,
    Kind.RATE_LIMITED: 429,
    Kind.QUOTA: 409,
    Kind.UNSUPPORTED: 409,
    Kind.UNAVAILABLE: 503,
}


class SteadError(Exception):
    """An expected failure with a stable code and a message that is safe to show.

    ``detail`` is what somebody else said, in their own words: only for operators of the
    platform, and never part of an answer to anybody else.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        hint: str = "",
        retry_seconds: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds
        self.message = message
        self.fields = dict(fields or {})
        self.hint = hint
        self.detail = detail
