"""The console of a container over a websocket."""

import asyncio

from tests.proxmox import wire
from tests.proxmox.http1 import serialize
from tests.proxmox.wire import Request
from tests.proxmox.world import World


async def upgrade(
    world: World, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the request for a websocket."""
    writer.write(serialize(wire.bare(501, "not implemented")))
    await writer.drain()
