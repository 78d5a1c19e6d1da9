"""What Incus tells of its guests: their use, and changes as they happen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from stead.engines import errors
from stead.engines.drivers.incus import mapping
from stead.engines.drivers.incus.ground import Ground, rows, table
from stead.engines.values import Change, GuestEvent, GuestUsage

_CHANGES: Final = {
    "instance-created": Change.CREATED,
    "instance-started": Change.STARTED,
    "instance-restarted": Change.STARTED,
    "instance-stopped": Change.STOPPED,
    "instance-shutdown": Change.STOPPED,
    "instance-deleted": Change.DELETED,
    "instance-updated": Change.CHANGED,
    "instance-restored": Change.CHANGED,
    "instance-renamed": Change.CHANGED,
}


class Watching(Ground):
    """Listens."""

    async def usage(self) -> tuple[GuestUsage, ...]:
        found = await self._client.get("/instances", "say what they use", recursion="2")
        return tuple(mapping.usage(row) for row in rows(found) if row.get("status") == "Running")

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[GuestEvent]]:
        async with self._client.socket("/events", "tell its events", type="lifecycle") as socket:
            yield _follow(socket)


async def _follow(socket: ClientConnection) -> AsyncIterator[GuestEvent]:
    try:
        async for message in socket:
            details = table(table(json.loads(message)).get("metadata"))
            change = _CHANGES.get(str(details.get("action")))
            if change is not None:
                source = str(details.get("source", "")).split("?")[0]
                yield GuestEvent(source.rpartition("/")[2], change)
    except (ConnectionClosed, ValueError) as error:
        raise errors.UnreachableError("Incus tells its events no longer") from error
    raise errors.UnreachableError("Incus tells its events no longer")
