"""Shows something again whenever it has changed, until somebody interrupts."""

import sys
import threading
from collections.abc import Callable
from typing import Final

from rich.console import Console

from stead.entrypoints.client import UNREACHABLE, CommandError
from stead.kit import clock

_PAUSE_SECONDS: Final = 2
# A server that is restarted is waited for.
_PATIENCE_SECONDS: Final = 300
_FROM_THE_TOP: Final = "\x1b[H\x1b[2J"


def watch(look: Callable[[], str]) -> None:
    """Print what ``look`` returns, and again when that is something else.

    On a terminal the new takes the place of the old. Raises CommandError when the first look
    fails, or when the server has not answered for minutes.
    """
    shown, heard = None, 0.0
    try:
        while True:
            try:
                now, heard = look(), clock.monotonic()
            except CommandError as error:
                away = clock.monotonic() - heard
                if shown is None or error.code != UNREACHABLE or away > _PATIENCE_SECONDS:
                    raise
                now = shown
            if now != shown:
                _show(now)
                shown = now
            # Nothing else happens in this process, so waiting here blocks nobody.
            threading.Event().wait(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        return


def _show(text: str) -> None:
    screen = Console(file=sys.stdout)
    if screen.is_interactive:
        text = _FROM_THE_TOP + _fitting(text, screen.height)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fitting(text: str, height: int) -> str:
    """Return what a screen has room for, and how much more there is."""
    lines = text.splitlines()
    room = max(height - 2, 1)
    if len(lines) <= room:
        return text
    return "\n".join([*lines[:room], f"and {len(lines) - room} more"])
