"""Sets up a stand-in for Proxmox VE, guests that live on it, and control planes that die."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
from tests.chaos.killing import PATIENCE, Fate, Lane, watching
from tests.db.infra.connected import BASE, opened
from tests.factories import elsewhere
from tests.factories.elsewhere import CLUSTER, HOSTING, House, token_at_boot
from tests.factories.platform import make_platform
from tests.proxmox.double import Double
from tests.proxmox.world import Guest
from tests.support.incus import ROOT
from tests.support.proxmox import cluster

from stead.core.authz import Role
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.entrypoints import simulated_guests
from stead.infra.fleet import Fleet

WORKER = str(Path(__file__).with_name("control_plane.py"))


@contextlib.asynccontextmanager
async def mortal(folder: Path, image: str, speed: float = 60) -> AsyncIterator[Lane]:
    """Run a cluster whose guests begin as an image, and one control plane after the other.

    ``folder`` holds an empty database of the current schema.
    """
    async with cluster(speed=speed) as double, contextlib.AsyncExitStack() as stack:
        token = await _found(folder, double, image)
        port = await stack.enter_async_context(elsewhere.visited(folder))
        control, agents = _listener(), _listener()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, WORKER, str(folder), str(port)),
            *(str(one.fileno()) for one in (control, agents)),
            env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[control.fileno(), agents.fileno()],
            start_new_session=True,
        )
        headers = {"Authorization": f"Bearer {token}"}
        living = asyncio.create_task(_live(double, _address(agents)))
        try:
            async with httpx.AsyncClient(
                base_url=_address(control), headers=headers, timeout=PATIENCE
            ) as api:
                fate = Fate(stack.enter_context(closing(watching(folder))))
                lane = Lane(double, process, api, fate)
                double.world.witness = fate.witness
                lane.before = lane.world()
                await lane.next_one()
                yield lane
        finally:
            living.cancel()
            await asyncio.wait({living})
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
            control.close()
            agents.close()


async def _found(folder: Path, double: Double, image: str) -> str:
    """Make the database that all of them work on, and a developer; return their token."""
    database = Database(sqlite_url(folder / "stead.db"), Bus())
    try:
        platform = await make_platform(database, folder)
        project = await platform.project("team")
        person = await platform.person("Anna", **{project: Role.DEVELOPER})
        async with opened(platform) as admin:
            await elsewhere.take_over(House(platform, double, admin, admin))
            wanted = HOSTING | {"image": image}
            answer = await admin.put(f"{BASE}/{CLUSTER}/hosting", json=wanted)
            assert answer.status_code == httpx.codes.OK, answer.text
        await platform.services.get(Fleet).close_all()
        return await platform.token(person)
    finally:
        await database.close()


def _listener() -> socket.socket:
    """Return a socket on which callers wait while nobody lives to answer."""
    made = socket.create_server(("127.0.0.1", 0), backlog=100)
    made.setblocking(False)
    return made


def _address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _live(double: Double, server: str) -> None:
    """Let guests that boot do what their agent does at boot, whoever answers."""
    lives: dict[tuple[int, float], asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            running = {
                (guest.vmid, guest.started): guest
                for guest in double.world.guests.values()
                if guest.running
            }
            for gone in lives.keys() - running.keys():
                lives.pop(gone).cancel()
            for key in running.keys() - lives.keys():
                lives[key] = group.create_task(_boot(running[key], server))
            await asyncio.sleep(0.02)


async def _boot(guest: Guest, server: str) -> None:
    token = token_at_boot(guest)
    while token is not None:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=server, timeout=PATIENCE) as http:
                await simulated_guests.live(http, token)
                return
        await asyncio.sleep(0.02)
