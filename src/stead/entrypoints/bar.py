"""A bar in the last line of a terminal: how many steps are done, and how far the present one is.

Lines that stay go above it. Where nobody looks, in files and pipes, there is no bar.
"""

import sys
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console

_CLEAR: Final = "\r\x1b[2K"
_WIDEST: Final = 24
# Below this many columns, figures say more than a bar.
_NARROW: Final = 50
_ALL: Final = 100


@dataclass
class Bar:
    """How far an operation is, and where that is drawn."""

    total: int
    done: set[str] = field(default_factory=set)
    doing: str = ""
    percent: int = 0
    text: str = ""
    terminal: Console = field(default_factory=lambda: Console(file=sys.stdout))

    def begin(self, title: str) -> None:
        """Say what happens now."""
        self.doing, self.percent, self.text = title, 0, ""

    def above(self, line: str) -> None:
        """Print a line that stays, and the bar below it."""
        sys.stdout.write(f"{_CLEAR}{line}\n")
        self.draw()

    def draw(self) -> None:
        """Draw the bar as things stand."""
        # A letter in the last column would make some terminals begin a new line.
        columns = self.terminal.width - 1
        line = self._words(columns)
        if cell_len(line) > columns:
            line = set_cell_size(line, columns - 1).rstrip() + "…"
        sys.stdout.write(_CLEAR + sendable(line))
        sys.stdout.flush()

    def clear(self) -> None:
        """Leave the line as if there had been no bar."""
        sys.stdout.write(_CLEAR)
        sys.stdout.flush()

    def _words(self, columns: int) -> str:
        share = (len(self.done) + self.percent / _ALL) / max(self.total, 1)
        figure = f"{len(self.done)}/{self.total}"
        percent = f"{self.percent} %" if self.percent else ""
        drawn = "" if columns < _NARROW else _drawn(min(share, 1))
        return "  ".join(one for one in (drawn, figure, self.doing, percent, self.text) if one)


def wanted() -> bool:
    """Tell whether somebody looks at a terminal that can draw a line again."""
    return Console(file=sys.stdout).is_interactive


def sendable(line: str) -> str:
    """Return a line with nothing but what the terminal's encoding has."""
    encoding = sys.stdout.encoding or "ascii"
    for fine, coarse in (("█", "#"), ("░", "."), ("…", "~")):
        try:
            fine.encode(encoding)
        except UnicodeEncodeError:
            line = line.replace(fine, coarse)
    return line.encode(encoding, "replace").decode(encoding)


def _drawn(share: float) -> str:
    full = int(share * _WIDEST)
    return "█" * full + "░" * (_WIDEST - full)
