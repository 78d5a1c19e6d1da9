"""Makes a map of one cluster now and then, beside its watcher; where its driver can."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stead.core import log
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.engines.abilities import Surveys
from stead.engines.port import EngineDriver
from stead.infra import news, repository, surveys
from stead.infra.watchers import Pace
from stead.kit import clock

_LIMIT_SECONDS: Final = 300
logger = log.get(__name__)


@dataclass
class Surveyor:
    """Surveys one cluster until cancelled."""

    database: Database
    engine: EngineDriver
    cluster_id: str
    name: str
    pace: Pace

    async def run(self, *, alone: bool) -> None:
        """Survey at once, and again and again; a survey that fails is tried again."""
        engine = self.engine
        if not isinstance(engine, Surveys):
            return
        await self._looked()
        while True:
            began = clock.monotonic()
            try:
                if alone or await self._hold():
                    await self._survey(engine)
                took = clock.monotonic() - began
                rest = max(self.pace.survey, took * self.pace.survey_rest)
            except (SteadError, TimeoutError) as error:
                # Whether the cluster can be reached at all is the watcher's to say.
                logger.info("survey.failed", cluster=self.cluster_id, reason=str(error))
                rest = self.pace.survey_again
            await asyncio.sleep(rest)

    async def _looked(self) -> None:
        """Wait for the watcher's first look: what a survey tells belongs to guests on record."""
        bus, topic = self.database.bus, news.topic(self.cluster_id)
        while True:
            seen = bus.version(topic)
            async with self.database.read() as uow:
                row = await repository.look_up(uow, self.cluster_id)
            if row is None or row.looked_at is not None:
                return
            await bus.changed(topic, seen, self.pace.survey_again)

    async def _survey(self, engine: Surveys) -> None:
        async with asyncio.timeout(_LIMIT_SECONDS):
            found = await engine.survey()
        async with self.database.write() as uow:
            await surveys.note(uow, self.cluster_id, found)

    async def _hold(self) -> bool:
        now = clock.utc_now()
        until = now + timedelta(seconds=self.pace.lease)
        async with self.database.write() as uow:
            return await repository.hold(uow, self.cluster_id, self.name, now, until)
