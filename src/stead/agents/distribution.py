"""The agent as one file, packed from its installed sources; the same bytes every time."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

SIZE_LIMIT: Final = 200_000
UNIT: Final = "stead-agent.service"
_SHEBANG: Final = b"#!/usr/bin/env python3\n"
_MAIN: Final = b"import sys\n\nfrom stead_agent.__main__ import main\n\nsys.exit(main())\n"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Program:
    """The file that runs on servers, and what proves that it is the right one."""

    content: bytes
    digest: str


@cache
def program() -> Program:
    """Return the agent that belongs to this version of the control plane."""
    folder = resources.files("stead_agent")
    files = {
        one.name: one.read_bytes()
        for one in folder.iterdir()
        if one.name.endswith(".py") or one.name == UNIT
    }
    content = pack(files)
    return Program(content, hashlib.sha256(content).hexdigest())


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the zipapp of these files of the agent's package."""
    members = {"__main__.py": _MAIN} | {f"stead_agent/{n}": text for n, text in files.items()}
    sink = io.BytesIO()
    sink.write(_SHEBANG)
    # Not compressed: zlib's bytes differ between builds, and importing is faster.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, members[name])
    return sink.getvalue()
