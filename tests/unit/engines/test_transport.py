"""Connections to engines end when nobody waits for them any more."""

import asyncio
import gc
import ssl

import httpx

from stead.engines.transport import to_engine


async def test_a_connection_is_closed_when_its_handshake_is_cancelled():
    arrived, left = asyncio.Event(), asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        arrived.set()
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    limits = httpx.Limits(max_connections=1)
    gc.disable()  # collecting would close it too, whenever that happens
    try:
        transport = to_engine(ssl.create_default_context(), limits)
        async with httpx.AsyncClient(transport=transport) as client:
            waiting = asyncio.create_task(client.get(url, timeout=60))
            async with asyncio.timeout(60):
                await arrived.wait()
            waiting.cancel()
            await asyncio.wait({waiting})
            async with asyncio.timeout(60):
                await left.wait()
    finally:
        gc.enable()
        server.close()
        await server.wait_closed()
