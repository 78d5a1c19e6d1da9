"""Keeps one watcher for each cluster on record, as they come, change and go."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from stead.core import log
from stead.core.errors import SteadError
from stead.infra import clusters, news, repository, sweeping
from stead.infra.fleet import Fleet
from stead.infra.surveyor import Surveyor
from stead.infra.watchers import FAILING, Pace, Watcher

# Only for news that another process did not pass on.
_LOOK_SECONDS: Final = 30
_AGAIN_SECONDS: Final = 5
logger = log.get(__name__)


@dataclass
class Company:
    """The watchers of this process."""

    fleet: Fleet
    name: str
    pace: Pace = field(default_factory=Pace)
    _watched: dict[str, tuple[int, asyncio.Task[None]]] = field(default_factory=dict)

    async def run(self, *, alone: bool) -> None:
        """Watch every cluster until cancelled. Without ``alone`` other processes may, too."""
        database = self.fleet.database
        try:
            while True:
                seen = database.bus.version(news.CLUSTERS)
                try:
                    await self._follow(alone=alone)
                except SteadError as error:
                    logger.warning("watchers.interrupted", reason=error.message)
                await database.bus.changed(news.CLUSTERS, seen, _LOOK_SECONDS)
        finally:
            for cluster_id in list(self._watched):
                await self._leave(cluster_id)
            await self.fleet.close_all()

    async def _follow(self, *, alone: bool) -> None:
        async with self.fleet.database.read() as uow:
            wanted = {row.id: row.revision for row in await repository.clusters(uow)}
        for cluster_id, (revision, task) in list(self._watched.items()):
            if task.done() or wanted.get(cluster_id) != revision:
                await self._leave(cluster_id)
            if cluster_id not in wanted:
                await self.fleet.close(cluster_id)
        for cluster_id, revision in wanted.items():
            if cluster_id not in self._watched:
                task = asyncio.create_task(self._watch(cluster_id, alone=alone))
                self._watched[cluster_id] = (revision, task)

    async def _watch(self, cluster_id: str, *, alone: bool) -> None:
        database = self.fleet.database
        while True:
            try:
                engine = await self.fleet.eye(cluster_id)
                await sweeping.sweep(database, engine, cluster_id)
                watcher = Watcher(database, engine, cluster_id, name=self.name, pace=self.pace)
                surveyor = Surveyor(database, engine, cluster_id, self.name, self.pace)
                async with asyncio.TaskGroup() as group:
                    group.create_task(surveyor.run(alone=alone))
                    group.create_task(watcher.run(alone=alone))
            except SteadError as error:
                # Options that its driver does not take, or a secret that cannot be read.
                await self._note(cluster_id, error.message)
            except Exception:  # one cluster's watcher must not end those of the others
                logger.exception("watcher.ended", cluster=cluster_id)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _note(self, cluster_id: str, message: str) -> None:
        try:
            async with self.fleet.database.write() as uow:
                await clusters.note_failure(uow, cluster_id, FAILING, message)
        except SteadError as error:
            logger.warning("watcher.note.lost", reason=error.message)

    async def _leave(self, cluster_id: str) -> None:
        _, task = self._watched.pop(cluster_id)
        task.cancel()
        await asyncio.wait({task})
