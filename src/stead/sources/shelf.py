"""Keeps the catalog of this process as the server's folders and the accepted commits say.

Packages of a commit are read from blobs by their digest, so that nothing but an accepted
decision changes what is offered; a moved branch, or a lost repository, does not.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stead.catalog import public as catalog
from stead.catalog.public import BrokenPackage, Catalog, Origin, Package, PackageError, Problem
from stead.core import log
from stead.core.blobs import Blobs
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.sources import repository
from stead.sources.models import SnapshotPackageRow
from stead.sources.service import FOLDERS, TOPIC

_LOOK_SECONDS: Final = 60
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class _Accepted:
    origin: Origin
    packages: tuple[SnapshotPackageRow, ...]


@dataclass
class Shelf:
    """The catalog that everybody looks at, and what it is made of."""

    database: Database
    blobs: Blobs
    live: Catalog
    folders: tuple[Path, ...]
    own: Catalog
    _read: dict[tuple[str, str], Package] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow decisions until cancelled; a slow look makes up for lost news."""
        bus = self.database.bus
        folders = bus.version(FOLDERS)
        while True:
            seen = bus.version(TOPIC)
            try:
                if bus.version(FOLDERS) != folders:
                    folders = bus.version(FOLDERS)
                    await self.reload()
                await self.renew()
            except SteadError as error:
                logger.warning("catalog.renewal.failed", reason=error.message)
            await self._wait(seen, folders)

    async def reload(self) -> None:
        """Read the server's own folders anew."""
        self.own = await asyncio.to_thread(catalog.load, self.folders)
        await asyncio.to_thread(self._stock, list(self.own.packages.values()))

    async def renew(self) -> None:
        """Offer what is accepted now."""
        async with self.database.read() as uow:
            rows = await repository.list_(uow)
            snapshots = await repository.current(uow, repository.ACCEPTED)
            known = await repository.all_packages(uow, [one.id for one in snapshots.values()])
            users = await repository.users(uow)
        accepted = [
            _Accepted(
                Origin(row.id, row.name, snapshots[row.id].revision),
                tuple(known[snapshots[row.id].id]),
            )
            for row in rows
            if row.id in snapshots
        ]
        packages, broken = await asyncio.to_thread(self._merge, accepted)
        self.live.fill(Catalog(packages, (*self.own.broken, *broken), users))

    async def _wait(self, seen: int, folders: int) -> None:
        bus = self.database.bus
        waits = [
            asyncio.create_task(bus.changed(TOPIC, seen, _LOOK_SECONDS)),
            asyncio.create_task(bus.changed(FOLDERS, folders, _LOOK_SECONDS)),
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        for one in done:
            one.result()

    def _merge(
        self, accepted: Sequence[_Accepted]
    ) -> tuple[Mapping[str, Package], list[BrokenPackage]]:
        """Put everything together: the server's own first, then whoever had a name first."""
        packages = dict(self.own.packages)
        broken: list[BrokenPackage] = []
        offers = [(row, one.origin) for one in accepted for row in one.packages]
        for row, origin in sorted(offers, key=lambda pair: (pair[0].since, pair[1].id)):
            try:
                package = self._package(row, origin)
                _require_free(packages, row.name)
                packages[row.name] = package
            except PackageError as error:
                broken.append(BrokenPackage(Path(row.name), error.problems, origin))
        return dict(sorted(packages.items())), broken

    def _package(self, row: SnapshotPackageRow, origin: Origin) -> Package:
        if row.problems or row.content is None:
            raise PackageError(*(_problem(text) for text in row.problems))
        key = (row.name, row.content)
        if key not in self._read:
            packed = self.blobs.find(row.content)
            if packed is None:
                raise PackageError(_problem("manifest.yml: is lost; refresh the source"))
            self._read[key] = catalog.package_of(row.name, catalog.unpack(packed))
            self._stock([self._read[key]])
        return replace(self._read[key], origin=origin)

    def _stock(self, packages: Sequence[Package]) -> None:
        for package in packages:
            self.blobs.put(package.archive)


def _require_free(packages: Mapping[str, Package], name: str) -> None:
    if name in packages:
        origin = packages[name].origin
        holder = f"the source {origin.name}" if origin is not None else "this server"
        message = f"the id {name} belongs to a package of {holder}, which had it first"
        raise PackageError(Problem("manifest.yml", None, message, "choose another id"))


def _problem(text: str) -> Problem:
    place, _, rest = text.partition(": ")
    message, _, fix = rest.partition("; ")
    return Problem(place, None, message or place, fix or "correct it")
