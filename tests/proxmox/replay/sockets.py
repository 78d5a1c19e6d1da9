"""Plays one recorded websocket: the handshake, what the client said, the first answer."""

import asyncio
from typing import Any

from tests.proxmox import console, frames
from tests.proxmox.clock import settle
from tests.proxmox.wire import Request
from tests.proxmox.world import World

MASK = bytes(4)


class Sink:
    """Takes what the double writes to a connection."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def masked(text: str) -> bytes:
    """Return a client's frame; a mask of zeros is one too."""
    head, payload = frames.write(text.encode())[:2], text.encode()
    return (
        bytes([head[0], 0x80 | head[1]])
        + frames.write(payload)[2 : -len(payload)]
        + MASK
        + payload
    )


async def talk(world: World, request: Request, said: list[str]) -> str:
    """Say one thing after another and return everything that came back."""
    reader, sink = asyncio.StreamReader(), Sink()
    writer: Any = sink
    work = asyncio.create_task(console.upgrade(world, request, reader, writer))
    for text in said:
        await settle()
        reader.feed_data(masked(text))
    await settle()
    while not work.done() and await world.clock.step():
        if world.consoles and all(proxy.done.is_set() for proxy in world.consoles.values()):
            break
        if said and sink.written.count(b"OK"):
            break
    reader.feed_eof()
    await work
    await settle()
    return sink.written.decode("latin-1")
