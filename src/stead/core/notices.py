"""Carries the bus between processes that share a PostgreSQL: NOTIFY on commit, LISTEN here.

Losing a notice costs the time until somebody looks anyway, never more.
"""

import asyncio
from typing import Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stead.core import log
from stead.core.bus import Bus

CHANNEL: Final = "stead_bus"
RECONNECT_SECONDS: Final = 1.0
PING_SECONDS: Final = 10.0
# One way to the server and back, however many topics there are.
_ANNOUNCE: Final = text(
    "select count(pg_notify(:channel, topic)) from unnest(cast(:topics as text[])) as topic"
)
logger = log.get(__name__)


async def announce(session: AsyncSession, topics: list[str]) -> None:
    """Tell all processes about these topics when the transaction commits."""
    if topics:
        told = {"channel": CHANNEL, "topics": list(dict.fromkeys(topics))}
        await session.execute(_ANNOUNCE, told)


async def listen(url: str, bus: Bus) -> None:
    """Publish what other processes announce until cancelled, across lost connections."""
    address = url.replace("postgresql+asyncpg://", "postgresql://")
    while True:
        try:
            await _listen_once(address, bus)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            logger.warning("notices.lost", reason=str(error))
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen_once(address: str, bus: Bus) -> None:
    connection = await asyncpg.connect(address, timeout=5)

    def hear(_connection: object, _pid: int, _channel: str, topic: object) -> None:
        bus.publish(str(topic))

    try:
        await connection.add_listener(CHANNEL, hear)
        bus.publish_all()
        while True:
            await asyncio.sleep(PING_SECONDS)
            await connection.execute("select 1")
    finally:
        connection.terminate()
