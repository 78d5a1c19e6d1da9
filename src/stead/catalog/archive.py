"""Packs a package for guests: the same files always make the same bytes, hence the same digest."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Final

from stead.catalog.declarations import declaration
from stead.catalog.schemas import Manifest

MANIFEST: Final = "manifest.json"


def build(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """Return an uncompressed tar: sorted, without owners and times, scripts executable.

    What is executable is read from the content, so packing does not depend on file modes that
    an installation or a checkout may have lost.
    """
    return pack({**files, MANIFEST: canonical(describe(manifest))})


def pack(content: Mapping[str, bytes]) -> bytes:
    """Return files as a tar that is the same for the same files."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in sorted(_folders(content)):
            archive.addfile(_entry(folder, 0o755, tarfile.DIRTYPE))
        for name in sorted(content):
            data = content[name]
            entry = _entry(name, 0o755 if data.startswith(b"#!") else 0o644, tarfile.REGTYPE)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return sink.getvalue()


def unpack(packed: bytes) -> dict[str, bytes]:
    """Return the files of a tar that ``pack`` made; nothing is written anywhere."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        found = {entry.name: archive.extractfile(entry) for entry in archive if entry.isreg()}
        return {name: source.read() for name, source in found.items() if source is not None}


def describe(manifest: Manifest) -> dict[str, object]:
    """Return the part of a manifest that an agent needs; prose does not change a digest."""
    return {
        "id": manifest.id,
        "version": manifest.version,
        "systems": manifest.os_requirements.lowest,
        "scripts": list(manifest.scripts),
        "inputs": [declaration(one) for one in manifest.inputs],
    }


def canonical(value: object) -> bytes:
    """Return canonical JSON: sorted keys, no blanks, no ASCII escapes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def _folders(names: Mapping[str, bytes]) -> set[str]:
    parts = [name.split("/")[:-1] for name in names]
    return {"/".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)}


def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    entry.type = kind
    return entry
