"""Consoles over websockets: who may open one, and the frames until it ends."""

import asyncio
import contextlib
from urllib.parse import parse_qsl, urlsplit

from tests.proxmox import app, bodies, frames, login, permissions, wire
from tests.proxmox.call import Call, RefusedError
from tests.proxmox.http1 import serialize
from tests.proxmox.proxy import Proxy, about
from tests.proxmox.schema import check
from tests.proxmox.wire import Request
from tests.proxmox.world import World


async def upgrade(
    world: World, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the request for a websocket, and carry it until it ends."""
    try:
        proxy = await admit(world, request)
    except RefusedError as refused:
        writer.write(serialize(wire.refusal(refused, "json")))
        await writer.drain()
        writer.close()
        return
    if proxy is None:
        writer.close()
        return
    writer.write(switching(request))
    proxy.writer = writer
    proxy.viewer.set()
    try:
        await pump(proxy, reader, writer)
    finally:
        proxy.done.set()


async def pump(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand frames on until either side is gone; nobody says goodbye."""
    with contextlib.suppress(
        asyncio.IncompleteReadError, frames.BrokenFrameError, ConnectionError
    ):
        while True:
            try:
                kind, payload = await frames.read(reader)
            except frames.WedgedError:
                await proxy.done.wait()
                return
            if kind == frames.CLOSE:
                return
            if kind == frames.PING:
                writer.write(frames.write(payload, frames.PONG))
            elif kind in {frames.TEXT, frames.BINARY}:
                proxy.received(payload)


def switching(request: Request) -> bytes:
    """Return the answer that makes a websocket of the connection."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: upgrade",
        f"Sec-WebSocket-Accept: {frames.accept(request.headers.get('sec-websocket-key', ''))}",
    ]
    if "binary" in request.headers.get("sec-websocket-protocol", ""):
        lines.append("Sec-WebSocket-Protocol: binary")
    return "\r\n".join([*lines, "", ""]).encode()


async def admit(world: World, request: Request) -> Proxy | None:
    """Return the proxy that a request is for, or None where nobody listens any more."""
    route = app.find(request)
    if route.endpoint is None or not route.path.endswith("/vncwebsocket"):
        raise RefusedError(501, f"Method 'GET {route.path}' not implemented")
    who = await app.identify(world, request, route)
    raw = {**bodies.collect(parse_qsl(urlsplit(request.target).query)), **route.values}
    permissions.check(route.endpoint, Call(world, who, raw, raw, route.path))
    values, errors = check(route.endpoint, raw)
    if errors:
        raise RefusedError(400, "Parameter verification failed.", errors)
    path = f"/vms/{raw['vmid']}"
    if not login.console_ticket_valid(world, str(values["vncticket"]), about(who.name, path)):
        await world.clock.sleep(world.settings.failed_login)
        raise RefusedError(401, "permission denied - invalid PVEVNC ticket")
    proxy = world.consoles.get(int(str(values["port"])))
    if proxy is None or proxy.viewer.is_set():
        return None
    found: Proxy = proxy
    return found
