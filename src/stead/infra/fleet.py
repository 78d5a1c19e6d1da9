"""The open drivers of all clusters: the one place that turns a cluster's id into an engine."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from stead.core import log
from stead.core.authz import NotFoundError
from stead.core.db import Database
from stead.core.vault import Vault
from stead.engines import connections, registry
from stead.engines.port import EngineDriver
from stead.infra import repository
from stead.infra.errors import ReadOnlyError
from stead.infra.models import ClusterRow
from stead.infra.rules import Mode

logger = log.get(__name__)


@dataclass
class Fleet:
    """Opens a driver when it is first asked for, and anew when its cluster is reached otherwise.

    ``embedded`` are the engines that the process's settings name.
    """

    database: Database
    vault: Vault
    embedded: Mapping[str, EngineDriver] = field(default_factory=dict)
    _open: dict[str, tuple[int, EngineDriver]] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def engine(self, cluster_id: str) -> EngineDriver:
        """Return a cluster's engine, to change things on it.

        Raises NotFound, and ReadOnly while the cluster is only looked at.
        """
        return await self._find(cluster_id, changes=True)

    async def eye(self, cluster_id: str) -> EngineDriver:
        """Return a cluster's engine, only to look. Raises NotFound."""
        return await self._find(cluster_id, changes=False)

    async def close(self, cluster_id: str) -> None:
        """Let go of a cluster's engine; one that is not open is fine."""
        _, driver = self._open.pop(cluster_id, (0, None))
        if driver is not None:
            await driver.close()

    async def close_all(self) -> None:
        """Let go of every engine but the embedded ones."""
        for cluster_id in list(self._open):
            await self.close(cluster_id)

    async def _find(self, cluster_id: str, *, changes: bool) -> EngineDriver:
        async with self._turn:
            async with self.database.read() as uow:
                row = await repository.look_up(uow, cluster_id)
                if row is None:
                    raise NotFoundError("There is no such cluster")
                if changes and row.mode == Mode.READ_ONLY:
                    raise ReadOnlyError(
                        f"The cluster {row.name} is only looked at",
                        hint="A platform admin can take it over",
                    )
                if cluster_id in self.embedded:
                    return self.embedded[cluster_id]
                revision, driver = self._open.get(cluster_id, (-1, None))
                if driver is not None and revision == row.revision:
                    return driver
                secrets = await self.vault.all_of(uow, cluster_id)
            await self.close(cluster_id)
            options = {name: secret.reveal() for name, secret in secrets.items()}
            driver = registry.connect(row.engine, full_options(row, options))
            self._open[cluster_id] = (row.revision, driver)
            return driver


def full_options(row: ClusterRow, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return everything that a cluster's driver is opened with."""
    pin = connections.of(row.engine).pin
    trusted = {pin: row.fingerprint} if pin and row.fingerprint else {}
    return {**row.options, **secrets, **trusted}
