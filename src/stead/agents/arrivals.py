"""Remembers requests so that each is taken once; what comes at once is written at once.

Every request of an agent needs its nonce on disk before it is acted on. While one transaction
is being written others gather, so that many agents cost few commits.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from stead.agents import service
from stead.agents.errors import AgentRefusedError
from stead.core.db import Database

BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: service.Arrival
    done: "asyncio.Future[str | None]"


class Arrivals:
    """The requests of one process that wait to be remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._claims: dict[str, str] = {}

    def begin_claim(self, agent_id: str, nonce: str) -> None:
        """Note which claim of an agent is its latest; nobody waits for earlier ones any more."""
        self._claims[agent_id] = nonce

    def end_claim(self, agent_id: str, nonce: str) -> None:
        """Forget a claim that was answered."""
        if self._claims.get(agent_id) == nonce:
            del self._claims[agent_id]

    def is_latest(self, agent_id: str, nonce: str) -> bool:
        """Tell whether an agent has not claimed again since."""
        return self._claims.get(agent_id) == nonce

    async def admit(self, request: service.Arrival) -> None:
        """Return once the request is remembered. Raises AgentRefusedError the second time."""
        one = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._writing is None or self._writing.done():
            # A task of its own: who gave up waiting must not take the others along.
            self._writing = asyncio.create_task(self._write())
        refusal = await one.done
        if refusal is not None:
            raise AgentRefusedError(refusal)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                async with self._database.note() as uow:
                    refusals = await service.remember(uow, [one.request for one in batch])
            except Exception as error:  # noqa: BLE001 - each of those who wait has to hear of it
                _tell(batch, error)
            else:
                for one, refusal in zip(batch, refusals, strict=True):
                    if not one.done.done():
                        one.done.set_result(refusal)


def _tell(batch: list[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.done.done():
            one.done.set_exception(error)
