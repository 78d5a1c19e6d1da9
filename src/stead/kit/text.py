"""Small text rules: names and slugs."""

import re
from typing import Final

NAME_PATTERN: Final = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
_NAME = re.compile(NAME_PATTERN.replace("^", r"\A").replace("$", r"\Z"))


def is_name(text: str) -> bool:
    """Tell whether text can name a thing: a DNS label of at most 40 characters."""
    return _NAME.match(text) is not None


def sendable(text: str) -> str:
    """Return a text that can be encoded: half a character, which JSON allows, becomes ``?``."""
    return text.encode(errors="replace").decode()
