"""The Incus driver: containers on a machine with Incus 6, reached with restricted rights."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stead.engines import errors, trust
from stead.engines.drivers.incus.backups import Backups
from stead.engines.drivers.incus.client import by_certificate, connect, identify
from stead.engines.drivers.incus.inside import Inside
from stead.engines.drivers.incus.members import Members
from stead.engines.drivers.incus.surveying import Surveying
from stead.engines.drivers.incus.watching import Watching

_PLACE: Final = frozenset(("url", "project", "pool"))
# What lies in files on this server, and what people entered.
_FILES: Final = _PLACE | {"certificate", "key", "server_certificate"}
_ENTERED: Final = _PLACE | {"certificate_pem", "key_pem", "fingerprint"}
_DEFAULTS: Final = {"project": "stead", "pool": "default"}


class IncusDriver(Backups, Inside, Members, Surveying, Watching):
    """Every ability of the port; holds little but its client and what consoles said."""


def open_driver(options: Mapping[str, str]) -> IncusDriver:
    """Return a driver for one project of one server; named by the entry point ``incus``."""
    if "key_pem" in options:
        return _open_entered({**_DEFAULTS, **options})
    if set(options) != _FILES:
        raise errors.InvalidError(f"The engine incus takes {', '.join(sorted(_FILES))}")
    tls = by_certificate(Path(options["server_certificate"]))
    identify(tls, Path(options["certificate"]), Path(options["key"]))
    return IncusDriver(connect(options["url"], options["project"], tls), options["pool"])


def _open_entered(options: Mapping[str, str]) -> IncusDriver:
    if set(options) != _ENTERED:
        raise errors.InvalidError(f"The engine incus takes {', '.join(sorted(_ENTERED))}")
    tls = trust.by_fingerprint(options["fingerprint"])
    with (
        _in_memory(options["certificate_pem"]) as certificate,
        _in_memory(options["key_pem"]) as key,
    ):
        identify(tls, certificate, key)
    return IncusDriver(connect(options["url"], options["project"], tls), options["pool"])


@contextmanager
def _in_memory(text: str) -> Iterator[Path]:
    """Return a file for what takes files only; a key of people's never gets onto a disk."""
    descriptor = os.memfd_create("stead", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
