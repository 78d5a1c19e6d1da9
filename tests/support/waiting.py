"""Waiting for a condition, never for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(what: str, look: Callable[[], Found], seconds: float = 30) -> Found:
    """Return what ``look`` returns once it is true; fail with ``what`` when time runs out."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for: {what}")
        time.sleep(0.05)
