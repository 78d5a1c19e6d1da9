"""Compares versions and the guest's system with what a package asks for.

The catalog decides by the same functions, so an app that it offers is not refused in the guest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
_PART = re.compile(r"[0-9]+|[A-Za-z]+|~")
_ZERO = (1, 0, "")
_LINE = re.compile(r"""([A-Z_]+)=(["']?)(.*)\2""")


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts versions: numbers by value, letters below the end, ``~`` below both."""
    parts: list[tuple[int, int, str]] = []
    for part in [*_PART.findall(version.partition("+")[0]), ""]:
        if not part.isdigit():
            # 1.0 is 1, so 1.0-rc1 has to be 1-rc1.
            while parts and parts[-1] == _ZERO:
                parts.pop()
        parts.append(_part_key(part))
    return tuple(parts)


def _part_key(part: str) -> tuple[int, int, str]:
    if part.isdigit():
        return 1, int(part), ""
    return {"": (0, 0, ""), "~": (-2, 0, "")}.get(part, (-1, 0, part.lower()))


def system_problem(lowest: object, release: Mapping[str, str]) -> str | None:
    """Say why a package cannot run on a system, or None.

    ``lowest`` maps each family to its lowest version (empty: any); ``release`` is os-release.
    """
    if lowest is None:
        return None
    if not isinstance(lowest, Mapping):
        return "The package's demands on the system cannot be read."
    family, version = release.get("ID", ""), release.get("VERSION_ID", "")
    name = release.get("PRETTY_NAME") or f"{family} {version}".strip() or "an unknown system"
    if family not in lowest:
        return f"This app runs on {' or '.join(sorted(map(str, lowest)))}; this is {name}."
    needed = str(lowest[family])
    if needed and version_key(version) < version_key(needed):
        return f"This app needs {family} {needed} or newer; this is {name}."
    return None


def read_release(path: Path = OS_RELEASE) -> dict[str, str]:
    """Return what os-release says; nothing where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {match[1]: match[3] for match in found if match}
