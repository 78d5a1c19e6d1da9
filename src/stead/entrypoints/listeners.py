"""Listeners: the console's, and one for agents on the gateway address of each project network."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from stead.core import files, pki
from stead.kit import clock

IP_FREEBIND: Final = 15
GRACE_SECONDS: Final = 3
# An agent at work calls every ten seconds, and should not need a handshake for each call.
AGENT_IDLE_SECONDS: Final = 40
RENEW_SECONDS: Final = 6 * 3600


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Gateways:
    """One TLS listener on the gateway address of each project network."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._folder = folder
        self._servers: dict[IPv4Address, Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._issued: dict[IPv4Address, datetime] = {}
        self._authority: pki.Authority | None = None
        self._app: ASGIApp | None = None

    def use(self, authority: pki.Authority, app: ASGIApp) -> None:
        """Serve agents with this application, and certificates of this authority."""
        self._authority = authority
        self._app = app

    async def open(self, address: IPv4Address) -> None:
        """Listen on an address, now or as soon as it exists; twice is fine."""
        if address in self._servers or self._authority is None:
            return
        self._listen(address, *self._issue(self._authority, address))

    def open_for_servers(self, address: IPv4Address) -> None:
        """Listen where agents of plain servers call, with the certificate that they pin."""
        pinned = pki.ensure_pinned(self._folder, address)
        self._listen(address, pinned.chain, pinned.key)

    async def keep_certified(self) -> None:
        """Replace certificates before they end, until cancelled."""
        while True:
            self.renew()
            await asyncio.sleep(RENEW_SECONDS)

    def renew(self) -> int:
        """Show new certificates where the last third of the old ones' life began; return how many.

        Whoever is connected stays connected.
        """
        if self._authority is None:
            return 0
        begun = clock.utc_now() - timedelta(days=pki.LEAF_DAYS) * 2 / 3
        ageing = [address for address, issued in self._issued.items() if issued <= begun]
        for address in ageing:
            context = self._servers[address].config.ssl
            if context is not None:
                context.load_cert_chain(*self._issue(self._authority, address))
        return len(ageing)

    def _issue(self, authority: pki.Authority, address: IPv4Address) -> tuple[Path, Path]:
        leaf = authority.issue(ips=(address,))
        chain, key = self._folder / f"{address}.crt", self._folder / f"{address}.key"
        files.write_private(chain, leaf.chain.encode())
        files.write_private(key, leaf.key.encode())
        self._issued[address] = clock.utc_now()
        return chain, key

    def _listen(self, address: IPv4Address, chain: Path, key: Path) -> None:
        if self._app is None:
            return
        listener = listener_at(str(address), self._port)
        config = configured(self._app, ssl_certfile=chain, ssl_keyfile=key)
        config.timeout_keep_alive = AGENT_IDLE_SECONDS
        server = Server(config)
        self._servers[address] = server
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop all listeners."""
        for server in self._servers.values():
            server.should_exit = True
        if self._tasks:
            await asyncio.wait(self._tasks)


def configured(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_certfile: Path | None = None,
    ssl_keyfile: Path | None = None,
) -> uvicorn.Config:
    """Return how a server of ours serves an application."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def listener_at(address: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, whether that is there yet or not."""
    # asyncio turns Nagle's algorithm off only for sockets that say that they are TCP; with it
    # an answer's body waits for the acknowledgement of its head, which takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The bridge, and with it the address, may not exist yet.
    listener.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
    listener.bind((address, port))
    return listener
