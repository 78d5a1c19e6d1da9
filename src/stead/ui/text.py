"""How times, states and shell words are written for people."""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from stead.kit.words import Said, say

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_PARAGRAPHS = re.compile(r"\n\s*\n")


def age(moment: datetime, now: datetime) -> Said:
    """Return how long ago a moment was."""
    seconds = int((now - moment).total_seconds())
    if seconds < 10:  # noqa: PLR2004  (a clock may differ by that much)
        return say("just now")
    if seconds < MINUTE:
        return say("%(count)s s ago", count=seconds)
    if seconds < HOUR:
        return say("%(count)s min ago", count=seconds // MINUTE)
    if seconds < DAY:
        return say("%(count)s h ago", count=seconds // HOUR)
    days = seconds // DAY
    return say("yesterday") if days == 1 else say("%(count)s days ago", count=days)


def took(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took, or nothing while it is not known."""
    if start is None or end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    if seconds < MINUTE:
        return say("%(count)s s", count=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < MINUTE:
        return say("%(minutes)s min %(count)s s", minutes=minutes, count=rest)
    return say("%(hours)s h %(minutes)s min", hours=minutes // MINUTE, minutes=minutes % MINUTE)


def utc(moment: datetime) -> str:
    """Return the exact moment for a tooltip; the browser makes it local."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def memory(megabytes: int) -> Said:
    """Return an amount of memory or disk."""
    gigabytes, rest = divmod(megabytes, 1024)
    if rest or not gigabytes:
        return say("%(count)s MB", count=megabytes)
    return say("%(count)s GB", count=gigabytes)


def command(words: Sequence[str]) -> str:
    """Return words as one line for a shell."""
    return shlex.join(words)


def paragraphs(text: str) -> list[str]:
    """Split prose at its blank lines."""
    return [" ".join(part.split()) for part in _PARAGRAPHS.split(text) if part.strip()]
