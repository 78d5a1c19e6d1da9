"""A project that deploys to a simulated cluster, with agents, edge and worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from tests.factories.durable import ended
from tests.factories.elsewhere import edge, work
from tests.factories.platform import RANGE, Platform
from typing_extensions import override

from stead.core import pki
from stead.core.authz import Role
from stead.core.platform_settings import Setting
from stead.core.platform_settings.store import Choice, find_rows, put
from stead.deployments import workflows
from stead.deployments.public import Deployments
from stead.deployments.publishing import Outside
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import EngineTask, GuestSpec
from stead.entrypoints import simulated_guests

SECONDS = 60


class Busy(SimulatorDriver):
    """A simulated cluster that makes and deletes guests only as it is let."""

    def __init__(self) -> None:
        super().__init__(World(VirtualTime(), nodes=["sim1"]), FaultPlan())
        self.let = asyncio.Semaphore(0)
        self.active = self.most = 0
        self.news = asyncio.Event()

    @override
    async def create(self, spec: GuestSpec) -> EngineTask:
        async with self._in_turn():
            return await super().create(spec)

    @override
    async def delete(self, name: str) -> EngineTask:
        async with self._in_turn():
            return await super().delete(name)

    def let_all(self) -> None:
        """Hold nothing back any more."""
        for _ in range(1000):
            self.let.release()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what happens here makes something true."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                self.news.clear()
                await self.news.wait()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        self.active += 1
        self.most = max(self.most, self.active)
        self.news.set()
        try:
            await self.let.acquire()
            yield
        finally:
            self.active -= 1
            self.news.set()


@dataclass
class Site:
    """A project on it, and a client that acts for its developer."""

    platform: Platform
    engine: Busy
    http: httpx.AsyncClient

    async def choose(self, setting: Setting[int], value: int) -> None:
        """Decide how many at once."""
        async with self.platform.database.write() as uow:
            row = (await find_rows(uow)).get(setting.name)
            version = row.version if row is not None else 0
            await put(uow, setting, Choice(value, chosen=True), by="Root", expected=version)

    async def deploy(self, count: int, **more: object) -> list[dict[str, Any]]:
        """Ask for that many sites."""
        return [await self._ask(f"site{number}", **more) for number in range(count)]

    async def waiting(self, count: int) -> list[str]:
        """Wait until that many wait for a place, and return what they wait for."""
        async with asyncio.timeout(SECONDS):
            while True:
                async with self.platform.database.engine.connect() as connection:
                    query = "select waits_for from operation where waits_for is not null"
                    found = list((await connection.exec_driver_sql(query)).scalars())
                if len(found) == count:
                    return found
                await asyncio.sleep(0.02)

    async def all_end_well(self, operations: list[str]) -> None:
        """Wait for the end of all of them."""
        for one in operations:
            done = await ended(self.platform.database, one, SECONDS)
            assert done.state == "succeeded", done.error

    async def _ask(self, name: str, **more: object) -> dict[str, Any]:
        body = {"app": "static-site", "name": name, **more}
        answer = await self.http.post("/api/v1/deployments", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())


@asynccontextmanager
async def simulated_site(platform: Platform, folder: Path) -> AsyncIterator[Site]:
    """Let everything work on a simulated cluster."""
    project = await platform.project("team")
    token = await platform.token(await platform.person("Ada", **{project: Role.DEVELOPER}))
    engine = Busy()

    async def engines(_cluster_id: str) -> SimulatorDriver:
        return engine

    async def open_gateway(_address: object) -> None:
        """Guests here speak to the application itself."""

    tools = workflows.Tools(
        database=platform.database,
        engines=engines,
        vault=platform.vault,
        authority=pki.load(folder),
        outside=Outside("127.0.0.1", 1, folder / "ca.pem"),
        image="stead-base",
        agent_port=8444,
        network_range=RANGE,
        open_gateway=open_gateway,
        simulated=True,
    )
    deploy, remove = workflows.deploy_plan(tools), workflows.remove_plan(tools)
    known = platform.services.get(Deployments)
    platform.services.add(replace(known, deploy_plan=deploy, remove_plan=remove))
    others = (edge(platform), simulated_guests.play(engine, platform.agents), work(platform))
    tasks = {asyncio.ensure_future(one) for one in others}
    async with platform.api(token) as http:
        try:
            yield Site(platform, engine, http)
        finally:
            engine.let_all()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
