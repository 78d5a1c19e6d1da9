"""Many deployments at once on a simulated cluster: nodes and templates are not overrun."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.factories.durable import ended, events
from tests.factories.elsewhere import edge, work
from tests.factories.platform import RANGE, Platform
from typing_extensions import override

from stead.core import pki
from stead.core.authz import Role
from stead.core.durable import StepContext
from stead.core.platform_settings import Setting
from stead.core.platform_settings.store import Choice, find_rows, put
from stead.deployments import places, workflows
from stead.deployments.public import Deployments
from stead.deployments.publishing import Outside
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import EngineTask, GuestSpec
from stead.entrypoints import simulated_guests
from stead.infra import public as infra
from stead.operations import public as operations

pytestmark = pytest.mark.timeout(120)
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

    async def deploy(self, count: int) -> list[dict[str, Any]]:
        """Ask for that many sites."""
        return [await self._ask(f"site{number}") for number in range(count)]

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

    async def _ask(self, name: str) -> dict[str, Any]:
        body = {"app": "static-site", "name": name}
        answer = await self.http.post("/api/v1/deployments", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())


@pytest.fixture
async def site(platform: Platform, tmp_path: Path) -> AsyncIterator[Site]:
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
        authority=pki.load(tmp_path),
        outside=Outside("127.0.0.1", 1, tmp_path / "ca.pem"),
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


async def test_no_more_are_made_on_a_node_than_a_setting_says_which_holds_at_once(site: Site):
    await site.choose(operations.PER_NODE, 2)
    made = await site.deploy(6)
    waits = await site.waiting(4)
    assert (set(waits), site.engine.active) == ({"node:local"}, 2)
    await site.choose(operations.PER_NODE, 3)
    site.engine.let.release()
    await site.engine.until(lambda: site.engine.active == 3)
    site.engine.let_all()
    await site.all_end_well([one["operation_id"] for one in made])
    assert site.engine.most == 3
    told = await events(site.platform.database, made[-1]["operation_id"])
    assert [one.data["for"] for one in told if one.kind == "waiting"][:1] == ["node:local"]


async def test_a_template_is_copied_by_so_many_at_once_and_removals_wait_for_the_node(site: Site):
    await site.choose(operations.PER_TEMPLATE, 1)
    made = await site.deploy(3)
    assert set(await site.waiting(2)) == {"template:local/stead-base"}
    site.engine.let_all()
    await site.all_end_well([one["operation_id"] for one in made])
    assert site.engine.most == 1
    site.engine.let = asyncio.Semaphore(0)
    await site.choose(operations.PER_NODE, 2)
    paths = [f"/api/v1/deployments/{one['deployment_id']}" for one in made]
    gone = [(await site.http.delete(path)).json()["operation_id"] for path in paths]
    assert await site.waiting(1) == ["node:local"]
    site.engine.let_all()
    await site.all_end_well(gone)
    assert (await site.engine.inventory(), site.engine.most) == ((), 2)


async def _nothing(_kind: str, _data: object) -> None:
    return


def test_what_an_earlier_release_began_waits_for_no_place():
    context = StepContext("o", "p", "s", {}, {"reserve": {}}, "create", _nothing)
    for limits in (places.to_create, places.to_start, places.to_destroy):
        assert list(limits(context)) == []


def test_a_guest_is_started_on_the_node_that_it_was_made_on():
    results = {
        "reserve": {"cluster": "house", "node": "", "template": "base"},
        "create": {"node": "pve2"},
    }
    context = StepContext("o", "p", "s", {}, results, "start", _nothing)
    assert [one.key for one in places.to_create(context)] == ["node:house", "template:house/base"]
    assert [one.key for one in places.to_start(context)] == ["node:house/pve2"]


async def test_a_cluster_of_one_node_has_no_other(platform: Platform):
    async with platform.database.write() as uow:
        cluster_id = await infra.local_cluster_id(uow)
        assert await infra.node_of(uow, cluster_id, "nobody") == ""
