"""The sockets that agents call."""

import asyncio
import contextlib
import socket

from stead.entrypoints.serve import listener_at


async def test_answers_to_agents_do_not_wait_for_acknowledgements():
    without_delay: list[int] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found: socket.socket = writer.get_extra_info("socket")
        without_delay.append(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with contextlib.closing(listener_at("127.0.0.1", 0)) as listener:
        async with await asyncio.start_server(answer, sock=listener) as server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()
            server.close()
    assert without_delay == [1]
