"""Puts a restored platform's files in the place of the present ones, all of them or none.

The new files lie ready in a folder of their own. A note on disk says that the swap has begun;
from then on it can only be finished, by whoever comes next.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stead.core.files import sync_folder, write_private

STAGING: Final = ".restore"
NOTE: Final = "restore.pending"


@dataclass(frozen=True, slots=True)
class Swap:
    """Which files take whose place, and where the present ones go."""

    aside: str
    names: tuple[str, ...]
    leave: tuple[str, ...] = ()


def stage(folder: Path) -> Path:
    """Return an empty folder for new files, next to where they will be."""
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    return staging


def pending(folder: Path) -> bool:
    """Tell whether a swap was begun and not finished."""
    return (folder / NOTE).exists()


def begin(folder: Path, swap: Swap) -> None:
    """Decide for the new files. They are on disk, and so is this decision afterwards."""
    for name in swap.names:
        with (folder / STAGING / name).open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder / STAGING)
    (folder / swap.aside).mkdir(mode=0o700, exist_ok=True)
    write_private(folder / NOTE, json.dumps(asdict(swap)).encode())
    sync_folder(folder)


def finish(folder: Path) -> None:
    """Carry out what was decided, however far it got; nothing pending is fine."""
    if not pending(folder):
        return
    found = json.loads((folder / NOTE).read_text())
    aside, staging = folder / found["aside"], folder / STAGING
    for name in found["leave"]:
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    for name in found["names"]:
        if not (staging / name).exists():
            continue  # its turn has been
        if (folder / name).exists():
            (folder / name).replace(aside / name)
        (staging / name).replace(folder / name)
    sync_folder(aside)
    sync_folder(folder)
    (folder / NOTE).unlink()
    shutil.rmtree(staging, ignore_errors=True)
    sync_folder(folder)
