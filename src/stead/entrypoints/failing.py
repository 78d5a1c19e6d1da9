"""What an error page says, by what a caller can do about the failure."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from stead.core.errors import HTTP_STATUS, Kind
from stead.kit.words import say

Words: TypeAlias = tuple[str, str]
_STATE: Final = (
    say("This does not fit the current state"),
    say("Look at the current state and try again."),
)
_SHAPE: Final = say("The request does not have the expected shape")
# The first kind of a status speaks for it; the page names what failed besides.
WORDS: Final[Mapping[Kind, Words]] = {
    Kind.UNAUTHENTICATED: (say("Sign in first"), say("Sign in, then open the page again.")),
    Kind.FORBIDDEN: (
        say("This is not allowed"),
        say("Ask an owner of the project, or go back."),
    ),
    Kind.NOT_FOUND: (
        say("There is nothing here"),
        say("It may have been removed. Look for it in the list."),
    ),
    Kind.CONFLICT: _STATE,
    Kind.QUOTA: _STATE,
    Kind.UNSUPPORTED: _STATE,
    Kind.STALE: (
        say("Somebody else changed this meanwhile"),
        say("Open it again, then make your change."),
    ),
    Kind.INVALID: (_SHAPE, say("Go back and correct it.")),
    Kind.MALFORMED: (_SHAPE, say("Go back and correct it.")),
    Kind.TOO_LARGE: (say("That was too much"), say("Send less at once.")),
    Kind.RATE_LIMITED: (say("That was too often"), say("Wait a moment, then try again.")),
    Kind.UNAVAILABLE: (say("Stead cannot do this right now"), say("Try again in a moment.")),
}
_CRASH: Final = (
    say("Something went wrong on the server"),
    say("Nothing was lost. Try again; if it stays, the server's log has the details."),
)
# What the framework refuses before any of our code is asked.
_UNROUTED: Final[Mapping[int, Words]] = {
    405: (
        say("This page cannot be opened that way"),
        say("Go back and use the button on the page."),
    ),
}
_BY_STATUS: Final[Mapping[int, Words]] = {
    **{HTTP_STATUS[kind]: words for kind, words in reversed(list(WORDS.items()))},
    **_UNROUTED,
}


def words(status: int) -> Words:
    """Return the title of an error page and what to do next, unless the failure says it."""
    return _BY_STATUS.get(status, _CRASH)
