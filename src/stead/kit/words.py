"""Texts that a person reads: English as written, which a page shows in the reader's language."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Self

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Said(str):
    """A text that knows the message it was made of. Everywhere but on pages it is English."""

    # A subclass of str cannot have slots that hold something.
    __slots__ = ("__dict__",)
    message: str
    values: Mapping[str, object]

    def __new__(cls, message: str, values: Mapping[str, object] = NOTHING) -> Self:
        """Put the values into the message."""
        one = super().__new__(cls, message % values if values else message)
        one.message, one.values = message, values
        return one


def say(message: str, **values: object) -> Said:
    """Return a text to be shown; ``%(name)s`` stands for a value.

    The message has to be written down as such, since that is how the catalog of messages
    learns of it.
    """
    return Said(message, values)
