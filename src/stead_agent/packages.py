"""Fetches, verifies and unpacks packages; the verified archive is kept and unpacked per job."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from stead_agent import requirements
from stead_agent.job import Order, RefusedError
from stead_agent.transport import Line

ARCHIVE_LIMIT = 512 * 1024 * 1024
MEMBER_LIMIT = 10_000
MANIFEST_LIMIT = 1024 * 1024
KEEP = 10
_CHUNK = 256 * 1024
_PATH_LIMIT = 512


@dataclass(frozen=True)
class Package:
    """An unpacked package and what its manifest declares."""

    folder: Path
    inputs: tuple[Mapping[str, object], ...]


def fetch(line: Line, cache: Path, digest: str) -> Path:
    """Return the verified archive, from the cache when it is there.

    Raises UnreachableError when it may be asked for again, RefusedError when the control plane
    has no such package or sends other bytes than the signed job names.
    """
    archive = cache / f"{digest}.tar"
    if archive.exists() and _digest(archive) == digest:
        archive.touch()
        return archive
    draft = cache / f"{digest}.new"
    with draft.open("w+b") as sink:
        answer = line.download(f"/agent/v1/packages/{digest}", sink, ARCHIVE_LIMIT)
        sink.flush()
        os.fsync(sink.fileno())
    if answer.status != http.client.OK:
        draft.unlink()
        raise RefusedError(f"The package could not be fetched (HTTP {answer.status}).")
    if _digest(draft) != digest:
        draft.unlink()
        raise RefusedError("The package is not the one that was signed: its digest differs.")
    draft.replace(archive)
    _prune(cache)
    return archive


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into a new folder; raise RefusedError for anything but plain files and folders."""
    folder.mkdir(mode=0o755)
    try:
        with tarfile.open(archive, mode="r:") as members:
            _unpack_members(members, folder)
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise RefusedError("The package archive is damaged.") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise RefusedError("The package archive names a file and a folder alike.") from error


def read_manifest(folder: Path, order: Order) -> Package:
    """Return the package when it is the one that was ordered; raise RefusedError."""
    path = folder / "manifest.json"
    try:
        raw = path.read_bytes() if path.stat().st_size <= MANIFEST_LIMIT else b""
        manifest = json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        raise RefusedError("The package has no manifest that can be read.") from error
    if not isinstance(manifest, dict):
        raise RefusedError("The package's manifest is not an object.")
    if (manifest.get("id"), manifest.get("version")) != (order.package_id, order.package_version):
        raise RefusedError("The package's manifest names another package or version.")
    _refuse_unfit(manifest.get("systems"))
    scripts, inputs = manifest.get("scripts"), manifest.get("inputs", [])
    if not isinstance(scripts, list) or order.script not in scripts:
        raise RefusedError(f"The package's manifest does not list {order.script}.")
    script = folder / order.script
    if not script.is_file():
        raise RefusedError(f"The package does not hold {order.script}.")
    script.chmod(0o755)
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise RefusedError("The package's manifest declares inputs that cannot be read.")
    return Package(folder, tuple(inputs))


def _refuse_unfit(systems: object) -> None:
    unfit = requirements.system_problem(systems, requirements.read_release())
    if unfit is not None:
        raise RefusedError(unfit)


def _unpack_members(members: tarfile.TarFile, folder: Path) -> None:
    left = ARCHIVE_LIMIT
    for count, member in enumerate(members):
        path = folder / _safe_path(member.name)
        left -= member.size
        if count >= MEMBER_LIMIT or left < 0:
            raise RefusedError("The package unpacks to more than is allowed.")
        if member.type == tarfile.DIRTYPE:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            _unpack_file(members.extractfile(member), path, member)
        else:
            raise RefusedError(f"The package holds {member.name!r}, which is no plain file.")


def _safe_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name
    if unsafe or len(name) > _PATH_LIMIT or "\\" in name:
        raise RefusedError(f"The package holds {name[:80]!r}, which leaves its folder.")
    return path


def _unpack_file(source: IO[bytes] | None, path: Path, member: tarfile.TarInfo) -> None:
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        mode = 0o755 if member.mode & 0o111 else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, mode)
    except OSError as error:
        raise RefusedError(f"The package's {member.name!r} cannot be written.") from error
    with os.fdopen(handle, "wb") as sink:
        while source is not None and (chunk := source.read(_CHUNK)):
            sink.write(chunk)
        if sink.tell() != member.size:
            raise RefusedError("The package archive is damaged.")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _prune(cache: Path) -> None:
    kept = sorted(cache.glob("*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in kept[KEEP:]:
        old.unlink()
