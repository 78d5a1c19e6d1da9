"""Puts a copy in the place of the platform: a new epoch, in which nothing goes on by itself.

All of it or none: the database changes in one transaction, the files in one swap, and what
was there before is put aside.
"""

import base64
import gzip
import hmac
import json
import os
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from stead.core import epoch, vault
from stead.core.blobs import Blobs
from stead.core.bus import Bus
from stead.core.db import Connection, Database, Uow, sqlite_url
from stead.core.db_errors import DatabaseUnavailableError
from stead.core.durable import interrupted
from stead.core.files import write_private
from stead.identity import public as identity
from stead.infra import public as infra
from stead.kit import clock
from stead.platform import archive, recovery, repository, swap
from stead.platform.archive import Copy, Header
from stead.platform.backup import BLOBS, SEALED, SECRET_FILES, TABLES, VAULT_KEY, Place
from stead.platform.errors import (
    BusyPlatformError,
    CopyDamagedError,
    CopyForeignError,
    RecoveryKeyError,
)
from stead.platform.recovery import RecoveryKey

SQLITE_FILE: Final = "stead.db"
HEAD: Final = "head"
PUBLIC_FILE: Final = "ca.pem"
_BESIDE: Final = ("-wal", "-shm", "-journal")
_TAR_LINES: Final = ".jsonl.gz"


@dataclass(frozen=True, slots=True)
class Schema:
    """What the migrations offer: they know every table, so they stand above this package."""

    knows: Callable[[str], bool]
    upgrade: Callable[[Connection, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which copy to restore, and what the person who asks brings along."""

    path: Path
    key: RecoveryKey | None = None
    replace_other: bool = False
    # Told in the restored platform's own transaction; the audit trail listens.
    after: Sequence[Callable[[Uow, Header], Awaitable[None]]] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the platform."""

    taken_at: datetime
    epoch: int
    rows: int
    interrupted: int
    suspended: int
    aside: str


async def restore(place: Place, url: str, schema: Schema, wish: Wish) -> Restored:
    """Replace the platform by a copy. The caller holds the lock that a server holds.

    Raises CopyDamagedError, CopyForeignError, RecoveryKeyError or BusyPlatformError before
    anything was changed.
    """
    place.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    swap.finish(place.folder)
    with archive.reading(wish.path) as (copy, covered):
        _believe(place, copy.header, covered, wish)
        if not schema.knows(copy.header.revision):
            raise CopyForeignError(
                f"This copy was made by Stead {copy.header.version}, which is newer",
                hint="Install that version, then restore",
            )
        secrets = _open(place, copy, wish)
        staging = swap.stage(place.folder)
        work = _Work(place, schema, wish, copy, f"before-restore-{clock.utc_now():%Y%m%dT%H%M%SZ}")
        if url.startswith("sqlite"):
            known = await _present_platform(url) if _file(url).exists() else ("", 0)
            done = await work.into_file(known, staging / SQLITE_FILE)
        else:
            done = await work.into_server(url)
        _stage_files(place, staging, secrets, wish)
        for digest in _members(copy, BLOBS):
            Blobs(place.blobs).put(copy.read(f"{BLOBS}{digest}"))
        _exchange(place.folder, staging, done.aside, sqlite=url.startswith("sqlite"))
    return done


@dataclass(frozen=True, slots=True)
class _Work:
    place: Place
    schema: Schema
    wish: Wish
    copy: Copy
    aside: str

    async def into_file(self, known: tuple[str, int], target: Path) -> Restored:
        database = Database(sqlite_url(target), Bus())
        try:
            async with database.remaking_tables(), database.write() as uow:
                return await self._fill(uow, *known)
        finally:
            await database.close()

    async def into_server(self, url: str) -> Restored:
        database = Database(url, Bus())
        try:
            async with database.write() as uow:
                connection = await uow.session.connection()
                if await repository.others_at_work(connection):
                    raise BusyPlatformError(
                        "Somebody is connected to the database",
                        hint="Stop every stead serve that uses it",
                    )
                known = await repository.known_platform(connection)
                self._refuse_other(known[0])
                await repository.put_aside(connection, self.aside)
                return await self._fill(uow, *known)
        finally:
            await database.close()

    async def _fill(self, uow: Uow, platform: str, latest: int) -> Restored:
        self._refuse_other(platform)
        header = self.copy.header
        connection = await uow.session.connection()
        await self.schema.upgrade(connection, header.revision)
        rows = await self._load(connection)
        await self.schema.upgrade(connection, HEAD)
        await repository.forget_short_lived(uow)
        await infra.forget_looks(uow)
        suspended = await identity.suspend_tokens(uow)
        taken_at = datetime.fromisoformat(header.taken_at)
        number = await epoch.begin(
            uow, copy=header.name, copied_at=taken_at, after=max(latest, header.epoch)
        )
        waiting = await interrupted.interrupt_all(uow)
        for told in self.wish.after:
            await told(uow, header)
        await uow.session.flush()
        await repository.set_sequences(connection)
        return Restored(taken_at, number, rows, waiting, suspended, self.aside)

    async def _load(self, connection: Connection) -> int:
        found = repository.content(await repository.tables(connection))
        names = {f"{table.name}{_TAR_LINES}" for table in found}
        if names != set(_members(self.copy, TABLES)):
            raise CopyDamagedError("The copy has other tables than its version of Stead had")
        rows = 0
        for table in found:
            with self.copy.open(f"{TABLES}{table.name}{_TAR_LINES}") as packed:
                rows += await repository.load(connection, table, _lines(packed))
        return rows

    def _refuse_other(self, platform: str) -> None:
        if platform and platform != self.copy.header.platform and not self.wish.replace_other:
            raise CopyForeignError(
                "This is the copy of another platform, for "
                f"{self.copy.header.domain}; restoring it would replace the one here",
                hint="If that is what you want, say --replace-other",
            )


def _believe(place: Place, header: Header, covered: Mapping[str, str], wish: Wish) -> None:
    keeper = wish.key.keeper if wish.key is not None else recovery.load(place.folder)
    if keeper is None:
        raise RecoveryKeyError(
            "This machine cannot open the copy",
            hint="Give the recovery key that stead admin backup told you to keep",
        )
    if keeper.fingerprint != header.recovery:
        raise RecoveryKeyError(
            f"The copy was sealed for another recovery key ({header.recovery})",
            hint="Give the recovery key that was in use when the copy was taken",
        )
    if not hmac.compare_digest(keeper.mark(covered["of"].encode()), covered["mark"]):
        raise CopyDamagedError("Somebody who did not make this copy has changed it")


def _open(place: Place, copy: Copy, wish: Wish) -> dict[str, bytes]:
    """Return the secret files of the copy; none when those that are here still fit it."""
    if wish.key is not None:
        found: dict[str, str] = json.loads(wish.key.open(copy.read(SEALED)))
        return {name: base64.b64decode(found[name]) for name in SECRET_FILES if name in found}
    here = place.folder / VAULT_KEY
    if not here.exists() or not set(copy.header.keys) <= set(vault.fingerprints(here)):
        raise RecoveryKeyError(
            "The keys on this machine do not open the secrets in this copy",
            hint="Give the recovery key that stead admin backup told you to keep",
        )
    return {}


async def _present_platform(url: str) -> tuple[str, int]:
    """Return name and epoch of what is here; a database that is broken says nothing."""
    database = Database(url, Bus())
    try:
        async with database.snapshot() as connection:
            return await repository.known_platform(connection)
    except DatabaseUnavailableError:
        return "", 0
    finally:
        await database.close()


def _stage_files(place: Place, staging: Path, secrets: Mapping[str, bytes], wish: Wish) -> None:
    for name, content in secrets.items():
        if name == "edge.token":
            # The edge reads it too, so one that is there stays; the database learns it again.
            if not place.edge_token.exists():
                place.edge_token.parent.mkdir(parents=True, exist_ok=True)
                write_private(place.edge_token, content)
        else:
            write_private(staging / name, content)
            if name == PUBLIC_FILE:
                (staging / name).chmod(0o644)
    if wish.key is not None:
        recovery.save(staging, wish.key.keeper)


def _exchange(folder: Path, staging: Path, aside: str, *, sqlite: bool) -> None:
    owner = folder.stat()
    names = tuple(sorted(path.name for path in staging.iterdir()))
    for path in staging.iterdir():
        os.chown(path, owner.st_uid, owner.st_gid)
    leave = tuple(f"{SQLITE_FILE}{end}" for end in _BESIDE) if sqlite else ()
    swap.begin(folder, swap.Swap(aside, names, leave))
    swap.finish(folder)


def _file(url: str) -> Path:
    return Path(url.partition("///")[2])


def _members(copy: Copy, folder: str) -> list[str]:
    return [name.removeprefix(folder) for name in copy.names if name.startswith(folder)]


def _lines(packed: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.open(packed, "rb") as unpacked:
            yield from unpacked
    except (OSError, EOFError, zlib.error) as error:
        raise CopyDamagedError("A table in the copy cannot be unpacked") from error
