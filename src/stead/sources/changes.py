"""How two versions of a package differ, in words that a person can judge."""

import difflib
from collections.abc import Mapping
from typing import Final, Literal

from stead.sources.schemas import FileChangeOut

FILE_LIMIT: Final = 128 * 1024
LINES_LIMIT: Final = 3000
SHOWN_LIMIT: Final = 1000
LINE_LENGTH: Final = 500
FILES_LIMIT: Final = 200


def files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[FileChangeOut]:
    """Return every file that differs, by name; the first of them if there are very many."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [_file(name, before.get(name), after.get(name)) for name in names[:FILES_LIMIT]]


def _file(name: str, old: bytes | None, new: bytes | None) -> FileChangeOut:
    change: Literal["added", "changed", "removed"] = "changed"
    if old is None or new is None:
        change = "added" if old is None else "removed"
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        size = len(new if new is not None else old or b"")
        why = f"{size} bytes that are no short text"
        return FileChangeOut(name=name, change=change, lines=[], hidden=why)
    lines = list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]
    hidden = f"{len(lines) - SHOWN_LIMIT} more lines" if len(lines) > SHOWN_LIMIT else None
    shown = [line[:LINE_LENGTH] for line in lines[:SHOWN_LIMIT]]
    return FileChangeOut(name=name, change=change, lines=shown, hidden=hidden)


def _lines(content: bytes | None) -> list[str] | None:
    """Return the lines of a text, or None for what cannot be compared by eye."""
    if content is None:
        return []
    if len(content) > FILE_LIMIT or b"\0" in content:
        return None
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return None
    # What would turn the direction of writing, or move the cursor, is shown as its code.
    return [_visible(line) for line in lines] if len(lines) <= LINES_LIMIT else None


def _visible(line: str) -> str:
    return "".join(
        letter if letter.isprintable() or letter == "\t" else f"\\u{ord(letter):04x}"
        for letter in line
    )
