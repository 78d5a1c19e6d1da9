"""The Incus driver: containers on a machine with Incus 6, reached with restricted rights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stead.engines import errors
from stead.engines.drivers.incus.backups import Backups
from stead.engines.drivers.incus.client import connect
from stead.engines.drivers.incus.inside import Inside
from stead.engines.drivers.incus.watching import Watching

_OPTIONS: Final = frozenset(("url", "project", "pool", "certificate", "key", "server_certificate"))


class IncusDriver(Backups, Inside, Watching):
    """Every ability of the port; holds no state but its client and what consoles said."""


def open_driver(options: Mapping[str, str]) -> IncusDriver:
    """Return a driver for one project of one server; named by the entry point ``incus``."""
    if set(options) != _OPTIONS:
        raise errors.InvalidError(f"The engine incus takes {', '.join(sorted(_OPTIONS))}")
    client = connect(
        options["url"],
        options["project"],
        certificate=Path(options["certificate"]),
        key=Path(options["key"]),
        server_certificate=Path(options["server_certificate"]),
    )
    return IncusDriver(client, options["pool"])
