"""Names and sizes that every engine can hold; drivers refuse the others before they ask."""

import re
from collections.abc import Sequence
from typing import Final

from stead.engines.errors import InvalidError
from stead.engines.values import GuestSize, GuestSpec

NAME_LENGTH: Final = 63
NOTE_LENGTH: Final = 2000
MINIMUM: Final = GuestSize(cores=1, memory_mb=64, disk_gb=1)
MAXIMUM: Final = GuestSize(cores=256, memory_mb=4 * 1024 * 1024, disk_gb=64 * 1024)
_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


def check_spec(spec: GuestSpec) -> None:
    """Raise Invalid unless name, note, tags and sizes are within the limits."""
    check_name(spec.name)
    check_size(GuestSize(spec.cores, spec.memory_mb, spec.disk_gb))
    if len(spec.note) > NOTE_LENGTH:
        raise InvalidError(f"The note has {len(spec.note)} characters, {NOTE_LENGTH} fit")
    check_tags(spec.tags)


def check_name(name: str) -> None:
    """Raise Invalid unless this is one label of a DNS name in lower case.

    Snapshots and images follow the same rule, so that every engine can hold them.
    """
    if len(name) > NAME_LENGTH or _LABEL.fullmatch(name) is None:
        raise InvalidError(
            f"{name[:80]!r} is no name for an engine: it takes up to {NAME_LENGTH} characters "
            "of a-z, 0-9 and -, beginning with a letter"
        )


def check_size(size: GuestSize) -> None:
    """Raise Invalid unless every figure is within the limits."""
    for what in ("cores", "memory_mb", "disk_gb"):
        asked, least, most = (getattr(each, what) for each in (size, MINIMUM, MAXIMUM))
        if not least <= asked <= most:
            raise InvalidError(f"{what} is {asked}, it goes from {least} to {most}")


def check_tags(tags: Sequence[str]) -> None:
    """Raise Invalid unless every tag is short and plain."""
    for tag in tags:
        if _TAG.fullmatch(tag) is None:
            raise InvalidError(f"{tag[:80]!r} is no tag: it takes up to 40 of a-z, 0-9 and -")
