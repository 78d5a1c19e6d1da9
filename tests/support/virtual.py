"""A Proxmox driver and the stand-in in one virtual time, which passes only when all wait.

So what is measured is what the driver waits for, and no busy machine can change it. The way to
the stand-in is direct, without sockets, and each request takes the time that a real one took.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from tests.proxmox.clock import settle
from tests.proxmox.double import Double
from tests.proxmox.wire import DroppedError, Request

from stead.engines.drivers.proxmox.client import ProxmoxClient
from stead.engines.drivers.proxmox.connecting import driver, site
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.login import Token
from stead.engines.drivers.proxmox.pace import Pace
from stead.kit.secrets import Secret

Answer = TypeVar("Answer")
# Seconds on the way and in the server, as recorded: reading, changing.
READ, CHANGE = 0.015, 0.035


class Direct(httpx.AsyncBaseTransport):
    """Hands requests to the stand-in and lets them take their time."""

    def __init__(self, double: Double) -> None:
        self._double = double

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        await self._double.clock.sleep(READ if request.method == "GET" else CHANGE)
        target = request.url.raw_path.decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            response = await self._double.answer(
                Request(request.method, target, headers, await request.aread())
            )
        except DroppedError as error:
            raise httpx.RemoteProtocolError("the connection ended") from error
        return httpx.Response(
            response.status,
            headers=response.headers,
            content=response.body,
            extensions={"reason_phrase": response.reason.encode()},
        )


def virtual_driver(double: Double, **options: str) -> ProxmoxDriver:
    """Return a driver that lives in the stand-in's time."""
    name, _, secret = double.token.partition("=")
    http = httpx.AsyncClient(transport=Direct(double), base_url=double.url)
    pace = Pace(double.clock.now, double.clock.sleep)
    place = site({"storage": "local-btrfs", **options})
    return driver(ProxmoxClient(http, Token(name, Secret(secret))), place, pace=pace)


async def in_virtual_time(double: Double, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Let time pass, from one thing that is due to the next, until the work is done."""
    running = asyncio.ensure_future(work())
    while not running.done():
        await settle()
        if not running.done() and not await double.clock.step():
            await asyncio.sleep(0.001)
    return await running
