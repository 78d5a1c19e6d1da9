"""Small text rules: names and slugs."""

import re
from typing import Final

NAME_PATTERN: Final = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
# Sequences that colour, move or ask: ECMA-48's control sequences, strings and single letters.
_STEERING: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*"
    r"(?:\x07|\x1b\\|\x9c|\Z)|\x1b[ -/]*[0-~]"
)
_NAME = re.compile(NAME_PATTERN.replace("^", r"\A").replace("$", r"\Z"))


def is_name(text: str) -> bool:
    """Tell whether text can name a thing: a DNS label of at most 40 characters."""
    return _NAME.match(text) is not None


def sendable(text: str) -> str:
    """Return a text that can be encoded: half a character, which JSON allows, becomes ``?``."""
    return text.encode(errors="replace").decode()


def plain(text: str) -> str:
    """Return a line as people should see it, without what would steer their terminal.

    Of a line that a program has drawn again and again, what it drew last remains.
    """
    drawn = _STEERING.sub("", text.rstrip("\r\n")).rpartition("\r")[2]
    return "".join(letter if letter == "\t" or letter.isprintable() else " " for letter in drawn)
