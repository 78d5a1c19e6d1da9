"""The serving process: console and API, agents' listeners, worker, until told to stop."""

import asyncio
import gc
import signal
import sys
from asyncio import sslproto
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from typing import Final, Protocol

from stead.audit import public as audit
from stead.core import log, notices, turns
from stead.core.durable import Checkpoint
from stead.core.errors import SteadError
from stead.core.settings import Settings
from stead.entrypoints.api import agent_app, control_app
from stead.entrypoints.listeners import Gateways, Server, configured
from stead.entrypoints.lock import only_one
from stead.entrypoints.plant import Plant
from stead.exposure import public as exposure
from stead.network import public as network
from stead.platform import public as platform
from stead.sources.plans import HANGUP

# asyncio gives every TLS connection a buffer of 256 KiB at once; agents are many and say little.
TLS_BUFFER: Final = 32 * 1024
SWITCH_SECONDS: Final = 0.001
HEAD_SECONDS: Final = 3600
# The collector looks at young objects after this many more of them. A request makes thousands that
# die by themselves, so that Python's 700 would have it look many times in each.
YOUNG_OBJECTS: Final = 20_000
logger = log.get(__name__)


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
        gateways.use(plant.ground.authority, agent_app(plant.provided))
        await _prepare(plant, gateways)
        console = Server(
            configured(
                control_app(plant.provided),
                host=settings.server.console_host,
                port=settings.server.console_port,
            )
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        worker = asyncio.create_task(_work(plant, gateways))
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


async def _work(plant: Plant, gateways: Gateways) -> None:
    """Run the worker and its company; hear the others that may share the database."""
    turns.background.set(True)
    database = plant.ground.database
    async with asyncio.TaskGroup() as group:
        if not database.sqlite:
            url = plant.ground.settings.server.database_url
            group.create_task(notices.listen(url, database.bus))
        group.create_task(plant.worker.run(alone=database.sqlite))
        group.create_task(_tell_heads(plant))
        group.create_task(gateways.keep_certified())
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
