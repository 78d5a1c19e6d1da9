"""Confirming a draft: a person has seen how it differs from what it was made from."""

import difflib
import hashlib
from pathlib import Path
from typing import Final

from stead.catalog import folders, loader
from stead.catalog.errors import PackageError
from stead.catalog.importing.checkout import UnreadableError
from stead.catalog.importing.draft import ORIGINALS

_LONGEST: Final = 5000


def difference(folder: Path) -> list[str]:
    """Return how the script differs from the imported one, line by line."""
    original = folder / ORIGINALS / "install.sh"
    before = original.read_text(encoding="utf-8").splitlines() if original.is_file() else []
    after = (folder / "install.sh").read_text(encoding="utf-8").splitlines()
    names = ("imported", "install.sh")
    return list(difflib.unified_diff(before, after, *names, lineterm=""))[:_LONGEST]


def digest(folder: Path) -> str:
    """Return what stands for all files of a draft as they are now. Raises UnreadableError."""
    files = _files(folder)
    if loader.DRAFT not in files:
        raise UnreadableError(f"{folder} is no draft; there is nothing to confirm")
    told = b"".join(b"%s %d\n%s" % (n.encode(), len(d), d) for n, d in sorted(files.items()))
    return hashlib.sha256(told).hexdigest()


def enable(folder: Path, seen: str) -> None:
    """Make a package of a draft whose files are those that were seen.

    Raises UnreadableError when they changed meanwhile, or are no sound package yet.
    """
    if digest(folder) != seen:
        raise UnreadableError(f"{folder} is not what was confirmed; look at the difference again")
    files = {name: data for name, data in _files(folder).items() if name != loader.DRAFT}
    try:
        loader.package_of(folder.name, files)
    except PackageError as error:
        told = "\n".join(f"  {problem}" for problem in error.problems)
        raise UnreadableError(f"{folder} is no sound package yet:\n{told}") from error
    (folder / loader.DRAFT).unlink()


def _files(folder: Path) -> dict[str, bytes]:
    try:
        return folders.read(folder)
    except PackageError as error:
        raise UnreadableError("; ".join(str(problem) for problem in error.problems)) from error
