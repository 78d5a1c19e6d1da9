"""Takes a copy of the platform while it runs: one moment of the database, and what belongs to it.

The vault's key, the CA's key and the edge's token are sealed: the recovery key opens them.
"""

import base64
import gzip
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from stead import __version__
from stead.core import vault
from stead.core.blobs import Blobs
from stead.core.db import Connection, Database
from stead.kit import clock
from stead.platform import archive, repository
from stead.platform.archive import FORMAT, HEADER, Header, Writer
from stead.platform.errors import BusyPlatformError
from stead.platform.recovery import Keeper

SEALED: Final = "sealed"
TABLES: Final = "tables/"
BLOBS: Final = "blobs/"
SUFFIX: Final = ".copy"
# What a platform consists of besides its database, and may be read by its owner alone.
VAULT_KEY: Final = "vault.key"
SECRET_FILES: Final = (VAULT_KEY, "ca.key", "ca.pem", "edge.token")
_DATE: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a platform lives."""

    folder: Path
    domain: str
    edge_token: Path

    def secret_file(self, name: str) -> Path:
        """Return where one of the secret files lies."""
        return self.edge_token if name == "edge.token" else self.folder / name

    @property
    def blobs(self) -> Path:
        """Return the folder of package archives."""
        return self.folder / "blobs"


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy that was taken."""

    path: Path
    rows: int
    size: int


def copy_name(now: datetime) -> str:
    """Return the name of a copy that is taken now."""
    return f"stead-{now.strftime(_DATE)}"


async def take(database: Database, place: Place, keeper: Keeper, target: Path) -> Taken:
    """Write a copy to this path or into this folder; raises when the path is taken."""
    now = clock.utc_now()
    name = copy_name(now)
    path = _path(target, name)
    async with database.snapshot() as connection:
        revision = await repository.revision(connection)
        platform, number = await repository.known_platform(connection)
        if not platform:
            raise BusyPlatformError(
                "There is no platform to copy yet", hint="Run: stead admin init"
            )
        header = Header(
            format=FORMAT,
            name=name,
            platform=platform,
            domain=place.domain,
            epoch=number,
            version=__version__,
            revision=revision,
            taken_at=now.isoformat(),
            recovery=keeper.fingerprint,
            keys=vault.fingerprints(place.folder / VAULT_KEY),
        )
        with archive.writing(path) as writer:
            writer.add(HEADER, archive.header_bytes(header))
            rows = await _add_tables(writer, connection, path.parent)
            _add_blobs(writer, Blobs(place.blobs))
            writer.add(SEALED, keeper.seal(_secrets(place)))
            writer.finish(keeper)
    return Taken(path, rows, path.stat().st_size)


def _path(target: Path, name: str) -> Path:
    return target / f"{name}{SUFFIX}" if target.is_dir() else target


async def _add_tables(writer: Writer, connection: Connection, folder: Path) -> int:
    rows = 0
    for table in repository.content(await repository.tables(connection)):
        # It does not fit into memory, and a member's size comes before its content.
        with TemporaryFile(dir=folder) as draft:
            with gzip.open(draft, "wb", compresslevel=6) as sink:
                async for line in repository.lines(connection, table):
                    sink.write(line.encode() + b"\n")
                    rows += 1
                rows -= 1  # the line of names
            size = draft.tell()
            draft.seek(0)
            writer.add_file(f"{TABLES}{table.name}.jsonl.gz", draft, size)
    return rows


def _add_blobs(writer: Writer, blobs: Blobs) -> None:
    for digest in blobs.digests():
        content = blobs.find(digest)
        if content is not None:
            writer.add(f"{BLOBS}{digest}", content)


def _secrets(place: Place) -> bytes:
    files = {name: place.secret_file(name) for name in SECRET_FILES}
    found = {
        name: base64.b64encode(path.read_bytes()).decode()
        for name, path in files.items()
        if path.exists()
    }
    return json.dumps(found).encode()
