"""How times, states and shell words are written for people."""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Final

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_PARAGRAPHS = re.compile(r"\n\s*\n")


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was."""
    seconds = int((now - moment).total_seconds())
    if seconds < 10:  # noqa: PLR2004  (a clock may differ by that much)
        return "just now"
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR} h ago"
    days = seconds // DAY
    return "yesterday" if days == 1 else f"{days} days ago"


def took(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took, or nothing while it is not known."""
    if start is None or end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < MINUTE:
        return f"{minutes} min {rest} s"
    return f"{minutes // MINUTE} h {minutes % MINUTE} min"


def utc(moment: datetime) -> str:
    """Return the exact moment for a tooltip; the browser makes it local."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def memory(megabytes: int) -> str:
    """Return an amount of memory or disk."""
    gigabytes, rest = divmod(megabytes, 1024)
    return f"{megabytes} MB" if rest or not gigabytes else f"{gigabytes} GB"


def command(words: Sequence[str]) -> str:
    """Return words as one line for a shell."""
    return shlex.join(words)


def paragraphs(text: str) -> list[str]:
    """Split prose at its blank lines."""
    return [" ".join(part.split()) for part in _PARAGRAPHS.split(text) if part.strip()]
