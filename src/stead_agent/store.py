"""The state folder: small JSON files that survive a crash at any moment, and one running agent."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path


class StoreError(Exception):
    """The state folder cannot be used."""


class Store:
    """Everything that the agent keeps, below one folder that only root can read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bootstrap = root / "bootstrap.json"
        self.identity = root / "identity.json"
        self.nonces = root / "nonces.json"
        self.epoch = root / "epoch.json"
        self.update = root / "update.json"
        self.jobs = root / "jobs"
        self.packages = root / "packages"
        self._lock = -1

    def open(self) -> None:
        """Make the folders and keep others out; raise StoreError when an agent already runs."""
        try:
            for folder in (self.root, self.jobs, self.packages):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"an agent already runs with {self.root}") from error
        except OSError as error:
            raise StoreError(f"{self.root} cannot be used: {error.strerror}") from error

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def forget_work(self) -> None:
        """Drop jobs and nonces: they belong to an identity that this guest no longer has."""
        for job in self.jobs.iterdir():
            shutil.rmtree(job)
        self.nonces.unlink(missing_ok=True)
        self.epoch.unlink(missing_ok=True)
        self.update.unlink(missing_ok=True)

    def drop_bootstrap(self) -> None:
        """Remove the token once it has served."""
        self.bootstrap.unlink(missing_ok=True)
        sync_folder(self.root)


def read(path: Path) -> dict[str, object] | None:
    """Return the object in a file; None when there is none, or nothing that can be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write(path: Path, value: Mapping[str, object]) -> None:
    """Replace a file so that after a crash either the old or the new one is there, whole."""
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
