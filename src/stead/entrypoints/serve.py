"""The serving process: console and API, agents' listeners, worker, until told to stop."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from asyncio import sslproto
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, Protocol

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from stead.audit import public as audit
from stead.core import files, log, notices, pki, turns
from stead.core.durable import Checkpoint
from stead.core.errors import SteadError
from stead.core.settings import Settings
from stead.entrypoints.api import agent_app, control_app
from stead.entrypoints.lock import only_one
from stead.entrypoints.plant import Plant
from stead.exposure import public as exposure
from stead.network import public as network
from stead.platform import public as platform
from stead.sources.plans import HANGUP

IP_FREEBIND: Final = 15
GRACE_SECONDS: Final = 3
# An agent at work calls every ten seconds, and should not need a handshake for each call.
AGENT_IDLE_SECONDS: Final = 40
# asyncio gives every TLS connection a buffer of 256 KiB at once; agents are many and say little.
TLS_BUFFER: Final = 32 * 1024
SWITCH_SECONDS: Final = 0.001
HEAD_SECONDS: Final = 3600
# The collector looks at young objects after this many more of them. A request makes thousands that
# die by themselves, so that Python's 700 would have it look many times in each.
YOUNG_OBJECTS: Final = 20_000
logger = log.get(__name__)


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
        self._plant: Plant | None = None
        self._app: ASGIApp | None = None

    def use(self, plant: Plant) -> None:
        """Serve this control plane's agents."""
        self._plant = plant
        self._app = agent_app(plant.provided)

    async def open(self, address: IPv4Address) -> None:
        """Listen on an address, now or as soon as it exists; twice is fine."""
        if address in self._servers or self._plant is None:
            return
        leaf = self._plant.ground.authority.issue(ips=(address,))
        chain, key = self._folder / f"{address}.crt", self._folder / f"{address}.key"
        files.write_private(chain, leaf.chain.encode())
        files.write_private(key, leaf.key.encode())
        self._listen(address, chain, key)

    def open_for_servers(self, address: IPv4Address) -> None:
        """Listen where agents of plain servers call, with the certificate that they pin."""
        pinned = pki.ensure_pinned(self._folder, address)
        self._listen(address, pinned.chain, pinned.key)

    def _listen(self, address: IPv4Address, chain: Path, key: Path) -> None:
        if self._app is None:
            return
        listener = listener_at(str(address), self._port)
        config = _config(self._app, ssl_certfile=chain, ssl_keyfile=key)
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


def _spare_the_collector() -> None:
    """Keep it from looking again and again at what stays as long as the process does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


class Assemble(Protocol):
    """Puts the control plane together; the composition root provides it."""

    async def __call__(
        self,
        settings: Settings,
        open_gateway: Callable[[IPv4Address], Awaitable[None]],
        checkpoint: Checkpoint | None = None,
    ) -> Plant:
        """Return everything, not yet running. ``checkpoint`` lets tests stop it at a step."""
        ...


async def serve(
    settings: Settings, assemble: Assemble, checkpoint: Checkpoint | None = None
) -> None:
    """Run until SIGTERM or SIGINT. Raises AlreadyRunningError."""
    folder = settings.server.data_dir
    # How long a thread that waited for the disk then waits for the interpreter, at most.
    sys.setswitchinterval(SWITCH_SECONDS)
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    with only_one(folder / "serve.lock"):
        platform.finish(folder)
        tls = settings.server.agent_tls
        tls.mkdir(mode=0o700, exist_ok=True)
        gateways = Gateways(settings.server.agent_port, tls)
        plant = await assemble(settings, gateways.open, checkpoint)
        gateways.use(plant)
        await _prepare(plant, gateways)
        console = Server(
            _config(
                control_app(plant.provided),
                host=settings.server.console_host,
                port=settings.server.console_port,
            )
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        worker = asyncio.create_task(_work(plant))
        web = asyncio.create_task(console.serve())
        _spare_the_collector()
        logger.info("serve.started", url=settings.server.console_url)
        loop.add_signal_handler(signal.SIGHUP, plant.ground.database.bus.publish, HANGUP)
        stopper = asyncio.create_task(stop.wait())
        await asyncio.wait({worker, web, stopper}, return_when=asyncio.FIRST_COMPLETED)
        worker.cancel()
        await asyncio.wait({worker})
        plant.ground.database.bus.close()
        console.should_exit = True
        await gateways.close()
        await asyncio.wait({web})
        await plant.ground.database.close()
        logger.info("serve.stopped")
        for task in (worker, web):
            if not task.cancelled() and task.exception() is not None:
                task.result()


async def _work(plant: Plant) -> None:
    """Run the worker and its company; hear the others that may share the database."""
    turns.background.set(True)
    database = plant.ground.database
    async with asyncio.TaskGroup() as group:
        if not database.sqlite:
            url = plant.ground.settings.server.database_url
            group.create_task(notices.listen(url, database.bus))
        group.create_task(plant.worker.run(alone=database.sqlite))
        group.create_task(_tell_heads(plant))
        for each in plant.company:
            group.create_task(each())


async def _tell_heads(plant: Plant) -> None:
    """Tell the end of the audit trail outside the database, now and each hour."""
    while True:
        try:
            await audit.tell_head(plant.ground.database, plant.ground.heads)
        except SteadError as error:
            logger.warning("audit.head.lost", reason=error.code)
        await asyncio.sleep(HEAD_SECONDS)


async def _prepare(plant: Plant, gateways: Gateways) -> None:
    settings = plant.ground.settings
    async with plant.ground.database.write() as uow:
        await exposure.ensure_console_route(
            uow,
            plant.ground.vault,
            plant.ground.authority,
            settings.server.console_name,
            settings.server.console_port,
        )
        await platform.look_after_restore(uow, plant.provided.get(platform.Platform))
        networks = await network.list_networks(uow)
    for net in networks:
        await gateways.open(net.gateway)
    if settings.server.agent_address is not None:
        gateways.open_for_servers(settings.server.agent_address)


def _config(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_certfile: Path | None = None,
    ssl_keyfile: Path | None = None,
) -> uvicorn.Config:
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
