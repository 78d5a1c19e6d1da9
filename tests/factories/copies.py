"""Copies of a control plane without an engine, and places to restore them to."""

from dataclasses import dataclass, replace
from pathlib import Path

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database
from stead.platform import public as platform

SCHEMA = platform.Schema(migrations.knows, migrations.upgrade_to)


@dataclass
class Copies:
    """Takes copies of one platform with one recovery key."""

    database: Database
    place: platform.Place
    key: platform.RecoveryKey
    folder: Path

    async def take(self, name: str = "one") -> Path:
        """Return a fresh copy."""
        target = self.folder / f"{name}.copy"
        await platform.take(self.database, self.place, self.key.keeper, target)
        return target


async def restore(
    place: platform.Place, url: str, path: Path, **wishes: object
) -> platform.Restored:
    """Restore a copy with these wishes."""
    wish = replace(platform.Wish(path), **wishes)  # type: ignore[arg-type]
    return await platform.restore(place, url, SCHEMA, wish)


def opened(url: str) -> Database:
    """Open what was restored."""
    return Database(url, Bus())
