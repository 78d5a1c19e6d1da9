"""Files that survive a crash: written beside their place, on disk before they are visible."""

import os
from pathlib import Path
from typing import Final

_PRIVATE: Final = 0o600


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all or nothing."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    if path.exists() and os.geteuid() == 0:
        # A file that an administrator replaces still belongs to the server's own user.
        owner = path.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
