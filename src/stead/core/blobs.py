"""Immutable content by digest, as files: package archives and the like."""

import hashlib
import os
from pathlib import Path


class Blobs:
    """A folder of files named by the SHA-256 of what they hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        """Store content and return its digest; storing it again changes nothing."""
        digest = hashlib.sha256(content).hexdigest()
        target = self._folder / digest
        if self.find(digest) is None:
            draft = self._folder / f".{digest}.{os.getpid()}"
            draft.write_bytes(content)
            draft.replace(target)
        return digest

    def digests(self) -> list[str]:
        """Return everything that is kept, damaged or not."""
        return sorted(path.name for path in self._folder.iterdir() if path.name[0] != ".")

    def find(self, digest: str) -> bytes | None:
        """Return the content of a digest, or None.

        Anything but a digest finds nothing, and so does a file that was damaged.
        """
        if len(digest) != hashlib.sha256().digest_size * 2 or not digest.isalnum():
            return None
        target = self._folder / digest
        content = target.read_bytes() if target.is_file() else b""
        return content if hashlib.sha256(content).hexdigest() == digest else None
