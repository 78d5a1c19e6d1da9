"""What a package says about its surroundings: systems, other apps, data, figures, scripts."""

from collections.abc import Iterator
from typing import Final

from stead.catalog.document import Where
from stead.catalog.schemas import Manifest

Fault = tuple[Where, str, str]
RESERVED_IDS: Final = frozenset({"broken", "schema"})
# Backing up or comparing one of these would take the system along.
_SYSTEM: Final = frozenset(
    (
        *("/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share", "/usr/local"),
        *("/var/lib", "/var/log", "/var/cache", "/var/lib/dpkg", "/var/lib/apt"),
        *("/etc/ssl", "/etc/systemd"),
    )
)


def faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield every fault with its place and the way to put it right."""
    if manifest.id in RESERVED_IDS:
        yield ("id",), f"{manifest.id} is a word of the catalog itself", "choose another id"
    yield from _systems(manifest)
    yield from _others(manifest)
    yield from _metrics(manifest)
    yield from _data(manifest)


def _systems(manifest: Manifest) -> Iterator[Fault]:
    given = manifest.os_requirements.min_version
    where = ("os_requirements", "min_version")
    if isinstance(given, dict):
        for family in given:
            if family not in manifest.os_requirements.family:
                yield (*where, family), f"{family} is not in family", "add it there or remove it"


def _others(manifest: Manifest) -> Iterator[Fault]:
    for key in ("dependencies", "conflicts"):
        names = [one.package for one in getattr(manifest, key)]
        for at, name in enumerate(names):
            if name == manifest.id:
                yield (key, at), f"{key} names the app itself", "remove it"
            if names.count(name) > 1:
                yield (key, at), f"{key} names {name} twice", "say it once, with one range"


def _metrics(manifest: Manifest) -> Iterator[Fault]:
    if manifest.metrics is None:
        return
    service = manifest.service(manifest.metrics.service)
    if service is None or service.protocol != "http":
        fix = "name a service with protocol http"
        yield ("metrics", "service"), f"{manifest.metrics.service} serves no figures", fix


def _data(manifest: Manifest) -> Iterator[Fault]:
    for at, path in enumerate(manifest.data):
        if path in _SYSTEM:
            yield ("data", at), f"{path} belongs to the system", "name the app's own folder in it"
    if (manifest.backup_script is None) != (manifest.restore_script is None):
        missing = "restore_script" if manifest.restore_script is None else "backup_script"
        yield (), f"{missing} is missing", "a backup that cannot be restored is none: write both"
    if manifest.data and manifest.backup_script is None:
        yield ("data",), "is never backed up", "write backup.sh and restore.sh"
