"""The file that holds a copy: a tar whose last member lists the digests of all before it.

Written beside its place and moved there once it is whole and on disk, so that a name without
``.part`` is a whole copy. Reading believes nothing before the list and its mark were checked.
"""

import fcntl
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from stead.core.files import sync_folder
from stead.platform.errors import CopyDamagedError, CopyForeignError
from stead.platform.recovery import Keeper

FORMAT: Final = 1
HEADER: Final = "stead-copy.json"
LIST: Final = "digests.json"
PART: Final = ".part"
_LARGEST_TEXT: Final = 4 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Header:
    """What a copy says about itself."""

    format: int
    name: str
    platform: str
    domain: str
    epoch: int
    version: str
    revision: str
    taken_at: str
    recovery: str
    keys: tuple[str, ...]


class Writer:
    """Adds members to a copy and remembers their digests."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._digests: dict[str, str] = {}

    def add(self, name: str, content: bytes) -> None:
        """Add a small member."""
        self.add_file(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, source: IO[bytes], size: int) -> None:
        """Add a member from where the source stands."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, _PRIVATE
        digest = hashlib.sha256()
        self._tar.addfile(member, _Watched(source, digest))
        self._digests[name] = digest.hexdigest()

    def finish(self, keeper: Keeper) -> None:
        """Add the list of digests, marked as ours."""
        listed = _canonical(self._digests)
        self.add(LIST, json.dumps({"of": listed, "mark": keeper.mark(listed.encode())}).encode())


class Copy:
    """A copy that was checked."""

    def __init__(self, tar: tarfile.TarFile, header: Header, digests: Mapping[str, str]) -> None:
        self.header = header
        self.names = tuple(digests)
        self._tar = tar
        self._digests = digests

    def read(self, name: str) -> bytes:
        """Return a member. Raises CopyDamagedError."""
        with self.open(name) as source:
            return source.read()

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a member for reading. Raises CopyDamagedError."""
        if name not in self._digests:
            raise CopyDamagedError(f"The copy has no {name}")
        source = self._tar.extractfile(name)
        if source is None:
            raise CopyDamagedError(f"The copy's {name} is not a file")
        with source:
            yield source


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """Write a copy to a path that must be free; nothing half is ever there."""
    sweep(target.parent)
    part = target.with_name(target.name + PART)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "w+b") as sink:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield Writer(tar)
            sink.flush()
            os.fsync(descriptor)
            # A link refuses to replace what is there, which a rename does not.
            os.link(part, target)
            sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what backups that were killed left half-written."""
    for part in folder.glob(f"*.copy{PART}"):
        with suppress(OSError), part.open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextmanager
def reading(path: Path) -> Iterator[tuple[Copy, Mapping[str, str]]]:
    """Open a copy whose every byte agrees with its list; yield it and what its mark covers.

    Raises CopyDamagedError, or CopyForeignError for what is no copy that this version reads.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            header = _header(tar)
            listed, mark = _check(tar)
            yield Copy(tar, header, listed), {"of": _canonical(listed), "mark": mark}
    except (tarfile.TarError, EOFError) as error:
        raise CopyDamagedError(f"{path.name} is damaged, or is no copy of Stead") from error


def header_bytes(header: Header) -> bytes:
    """Return the member that comes first."""
    return json.dumps(asdict(header)).encode()


class _Watched:
    """A source that digests what is read from it."""

    def __init__(self, source: IO[bytes], digest: Any) -> None:  # noqa: ANN401  (hashlib's private type)
        self._source, self._digest = source, digest

    def read(self, size: int = -1) -> bytes:
        """Return what comes next."""
        content = self._source.read(size)
        self._digest.update(content)
        return content


def _header(tar: tarfile.TarFile) -> Header:
    first = tar.next()
    if first is None or first.name != HEADER:
        raise CopyForeignError("This file is no copy of Stead")
    found = _json(tar, first)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CopyForeignError(
            "This copy has a format that this version of Stead does not know",
            hint="Install the version that made it, or a later one",
        )
    try:
        return Header(**{**found, "keys": tuple(found.get("keys", ()))})
    except TypeError as error:
        raise CopyDamagedError("The copy's beginning cannot be read") from error


def _check(tar: tarfile.TarFile) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    members = tar.getmembers()
    for member in members[:-1]:
        if not member.isreg() or member.name in found:
            raise CopyDamagedError(f"The copy's {member.name} is not what it should be")
        found[member.name] = _digest(tar, member)
    if members[-1].name != LIST:
        raise CopyDamagedError("The copy ends too early")
    said = _json(tar, members[-1])
    if not isinstance(said, dict) or said.get("of") != _canonical(found):
        raise CopyDamagedError("The copy's content does not agree with its list of digests")
    return found, str(said.get("mark"))


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest = hashlib.sha256()
    source = tar.extractfile(member)
    while source is not None and (chunk := source.read(_CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def _json(tar: tarfile.TarFile, member: tarfile.TarInfo) -> object:
    source = tar.extractfile(member) if member.size <= _LARGEST_TEXT else None
    try:
        return json.loads(source.read()) if source is not None else None
    except (ValueError, RecursionError) as error:
        raise CopyDamagedError(f"The copy's {member.name} cannot be read") from error


def _canonical(value: Mapping[str, str]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
