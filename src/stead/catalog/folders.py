"""Reads a package's folder from disk within limits, following no link and opening no device."""

import os
import re
import stat
from pathlib import Path
from typing import Final

from stead.catalog.errors import PackageError, Problem

PACKAGE_LIMIT: Final = 16 * 1024 * 1024
FILE_COUNT_LIMIT: Final = 1000
DEPTH_LIMIT: Final = 8
PATH_LIMIT: Final = 100

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,79}")


def read(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by relative path; hidden ones are not part of a package.

    Raises PackageError for anything but plain files and folders, or for too much of them.
    """
    files: dict[str, bytes] = {}
    left = PACKAGE_LIMIT
    pending = [""]
    while pending:
        inside = pending.pop()
        for entry in _entries(folder, inside):
            name = f"{inside}{entry.name}"
            if _is_folder(entry, name):
                pending.append(f"{name}/")
                continue
            files[name] = _content(entry, name, left)
            left -= len(files[name])
            if len(files) > FILE_COUNT_LIMIT:
                raise _refused(name, f"is one of more than {FILE_COUNT_LIMIT} files", "pack them")
    return files


def _entries(folder: Path, inside: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / inside) as listing:
            found = [entry for entry in listing if not is_hidden(entry.name)]
    except OSError as error:
        raise _refused(inside or ".", f"cannot be read ({error.strerror})", "allow it") from error
    return sorted(found, key=lambda entry: entry.name)


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder of this name is not part of a package."""
    return name.startswith((".", "__pycache__"))


def name_problem(name: str) -> str | None:
    """Return what is wrong with the relative path of a file, if anything is."""
    parts = name.split("/")
    if len(name) > PATH_LIMIT or not all(_NAME.fullmatch(part) for part in parts):
        return "has an unusual or long name"
    return "is nested too deeply" if len(parts) > DEPTH_LIMIT + 1 else None


def _is_folder(entry: os.DirEntry[str], name: str) -> bool:
    if not _NAME.fullmatch(entry.name) or len(name) > PATH_LIMIT:
        raise _refused(name, "has an unusual or long name", "use letters, digits and . _ + -")
    if entry.is_symlink():
        raise _refused(name, "is a link", "put the file itself here")
    if not entry.is_dir(follow_symlinks=False):
        return False
    if name.count("/") >= DEPTH_LIMIT:
        raise _refused(name, "is nested too deeply", "flatten the folders")
    return True


def _content(entry: os.DirEntry[str], name: str, left: int) -> bytes:
    """Read at most what is left; the kind is asked of the open file, which cannot be swapped."""
    try:
        handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as source:
            plain = stat.S_ISREG(os.fstat(source.fileno()).st_mode)
            data = source.read(left + 1) if plain else b""
    except OSError as error:
        raise _refused(name, f"cannot be read ({error.strerror})", "make it a file") from error
    if not plain:
        raise _refused(name, "is neither a file nor a folder", "remove it")
    if len(data) > left:
        limit = PACKAGE_LIMIT // 1024 // 1024
        raise _refused(name, f"makes the package larger than {limit} MiB", "download it instead")
    return data


def _refused(name: str, message: str, fix: str) -> PackageError:
    return PackageError(Problem(name, None, message, fix))
