"""Forks one control plane after the other, on the same sockets, whenever the last was killed.

Each is a worker, console and API, agents' listener and an edge that serves everything, in one
process. What lives on, the cluster and its guests, is in the process that kills. The parent has
imported everything, which saves each of many a second; it tells who the next one is.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from tests.factories import elsewhere
from tests.factories.platform import built_in, built_in_bundles, make_platform

from stead.agents import public as agents
from stead.core import log
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.entrypoints.api import control_app, control_routes


def main() -> None:
    """Fork until one ends otherwise than by being killed."""
    folder, port, listeners = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    sockets = [socket.socket(fileno=int(one)) for one in listeners]
    log.configure(json=False)
    built_in()
    built_in_bundles()
    agents.program()
    routes = control_routes()
    # What the children share they need not look through, each again.
    gc.freeze()
    while True:
        child = os.fork()
        if child == 0:
            asyncio.run(_live(folder, port, routes, sockets))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(os.waitstatus_to_exitcode(status))


async def _live(folder: Path, port: int, routes: FastAPI, sockets: list[socket.socket]) -> None:
    database = Database(sqlite_url(folder / "stead.db"), Bus())
    platform = await make_platform(database, folder)
    elsewhere.assemble(platform, folder, port)
    control, guests = sockets
    async with asyncio.TaskGroup() as group:
        group.create_task(elsewhere.edge(platform))
        group.create_task(elsewhere.work(platform))
        group.create_task(_serve(control_app(platform.services, routes), control))
        group.create_task(_serve(platform.agents, guests))


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    main()
