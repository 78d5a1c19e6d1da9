"""Reads a local checkout as text: the commit that it stands at, and the files of one app.

Git is not asked: a checkout may bring settings that run programs of its choice.
"""

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_LIMIT: Final = 256 * 1024
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REF: Final = re.compile(r"refs/[A-Za-z0-9._/-]{1,200}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_FACTS: Final = ("frontend/public/json", "json")


class UnreadableError(Exception):
    """There is nothing here that could be imported; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class App:
    """One app of a checkout, as text."""

    name: str
    revision: str
    container: str
    install: str
    facts: dict[str, object]


def read(path: Path) -> App:
    """Read the app that an ``install/NAME-install.sh`` belongs to. Raises UnreadableError."""
    name = path.name.removesuffix("-install.sh")
    if path.name == name or not _NAME.fullmatch(name) or path.parent.name != "install":
        raise UnreadableError(f"{path} is no install/NAME-install.sh of a checkout")
    top = path.parent.parent
    container = top / "ct" / f"{name}.sh"
    return App(
        name=name,
        revision=_commit(top),
        container=_text(container) if container.exists() else "",
        install=_text(path),
        facts=_facts(top, name),
    )


def scripts(path: Path) -> list[Path]:
    """Return the scripts that a path stands for: one, or all of a checkout."""
    if path.is_dir():
        folder = path if path.name == "install" else path / "install"
        return sorted(folder.glob("*-install.sh"))
    return [path]


def _commit(top: Path) -> str:
    """Return the commit that is checked out, from the files of the repository."""
    folder = top / ".git"
    head = _text(folder / "HEAD").strip() if folder.is_dir() else ""
    if _COMMIT.fullmatch(head):
        return head
    ref = head.removeprefix("ref: ")
    if not _REF.fullmatch(ref) or ".." in ref:
        raise UnreadableError(
            f"{top} is no checkout of a Git repository, so nothing could be pinned"
        )
    loose = folder / ref
    found = _text(loose).strip() if loose.is_file() else _packed(folder, ref)
    if not _COMMIT.fullmatch(found):
        raise UnreadableError(f"{top} has no commit yet, so nothing could be pinned")
    return found


def _packed(folder: Path, ref: str) -> str:
    path = folder / "packed-refs"
    lines = _text(path).splitlines() if path.is_file() else []
    return next((line[:40] for line in lines if line[41:] == ref), "")


def _facts(top: Path, name: str) -> dict[str, object]:
    for place in _FACTS:
        path = top / place / f"{name}.json"
        if path.is_file():
            try:
                found = json.loads(_text(path))
            except (ValueError, RecursionError):
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def _text(path: Path) -> str:
    """Read a file that is small, plain and text; a link leads nowhere."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as source:
            plain = stat.S_ISREG(os.fstat(source.fileno()).st_mode)
            data = source.read(FILE_LIMIT + 1) if plain else b""
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    if not plain or len(data) > FILE_LIMIT or b"\0" in data:
        raise UnreadableError(f"{path} is no text of at most {FILE_LIMIT // 1024} KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is not UTF-8") from error
