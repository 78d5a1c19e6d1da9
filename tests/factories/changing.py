"""A deployment that is live on a simulated cluster, whose agent does what it is told to.

What a script does is written onto the guest's disk, so that it can be seen what is left of it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import text
from tests.factories.agents import KEY, Agent
from tests.factories.durable import ended, working
from tests.factories.elsewhere import edge
from tests.factories.platform import RANGE, Platform, end_operations
from tests.unit.catalog.builders import SCRIPT, asked, folder

from stead.agents import service as agents
from stead.catalog.loader import Catalog, Package, load_package
from stead.core import pki
from stead.core.authz import Actor, Role
from stead.core.durable import Checkpoint
from stead.core.settings import Settings
from stead.deployments import change_flows, public as deployments, repository, workflows
from stead.deployments.changes import Changes
from stead.deployments.models import DeploymentRow
from stead.deployments.public import DeploymentIn, DeploymentOut
from stead.deployments.publishing import Outside
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.port import EngineDriver
from stead.engines.values import GuestFile, GuestSpec, NetworkSpec
from stead.exposure import service as exposure
from stead.infra import public as infra
from stead.instances import public as instances
from stead.instances.public import Instance
from stead.kit import ids
from stead.operations.schemas import OperationOut

STATE: Final = "/srv/state"
WEB: Final = {"name": "web", "protocol": "http", "port": {"input": "web_port"}, "path": "/"}
INPUTS: Final = [
    asked("title", default="Hello"),
    asked("web_port", "port", required=True, default=8080),
    asked("password", "password", generate=True),
]
OUTPUT: Final = {"name": "password", "label": "Password", "value": "{password}"}
OLD: Final = {
    "version": "1.0.0",
    "inputs": [*INPUTS, asked("motto", default="Old")],
    "services": [WEB, {"name": "status", "protocol": "http", "port": 81}],
    "outputs": [OUTPUT],
    "check_script": "check.sh",
}
NEW: Final = {
    "version": "2.0.0",
    "inputs": [*INPUTS, asked("colour", default="blue")],
    "services": [WEB, {"name": "admin", "protocol": "http", "port": 82}],
    "outputs": [OUTPUT],
    "check_script": "check.sh",
    "upgrade_script": "upgrade.sh",
}


@dataclass
class Site:
    """One live deployment and everything around it; the worker runs when it is asked to."""

    platform: Platform
    owner: Actor
    driver: SimulatorDriver
    faults: FaultPlan
    instance: Instance
    id: str
    token: str
    agent: Agent
    folder: Path
    changes: Changes
    # Scripts with their version that fail, and those that wait to be let go.
    failing: set[tuple[str, str]] = field(default_factory=set)
    held: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ran: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, method: str = "PATCH", verb: str = "", **body: Any) -> httpx.Response:  # noqa: ANN401  (bodies are JSON)
        """Ask the API for something about the deployment."""
        async with self.platform.api(self.token) as api:
            path = f"/api/v1/deployments/{self.id}{verb}"
            return await api.request(method, path, json=body or None)

    async def change(self, **body: Any) -> OperationOut:  # noqa: ANN401  (bodies are JSON)
        """Have it changed, and everything tidied up; return how the change ended."""
        answer = await self.ask(**body)
        assert answer.status_code == 202, answer.text
        return await self.finish(answer.json()["operation_id"])

    async def finish(
        self, operation_id: str, checkpoint: Checkpoint | None = None
    ) -> OperationOut:
        """Let a worker bring an operation, and what follows from it, to its end."""
        async with self.at_work(checkpoint):
            found = await ended(self.platform.database, operation_id, 30)
            for other in await self.operations():
                await ended(self.platform.database, other, 30)
        return found

    async def operations(self) -> list[str]:
        """Return all operations, the oldest first."""
        async with self.platform.database.read() as uow:
            return list(await uow.session.scalars(text("select id from operation order by id")))

    @contextlib.asynccontextmanager
    async def at_work(self, checkpoint: Checkpoint | None = None) -> AsyncIterator[None]:
        """Run a worker, an edge and the guest's agent meanwhile."""
        others = {asyncio.create_task(one) for one in (edge(self.platform), self._live())}
        try:
            async with working(
                self.platform.database,
                *self.changes.plans,
                self.platform.deployments.remove_plan,
                owner=ids.new_id(),
                checkpoint=checkpoint,
            ):
                yield
        finally:
            for one in others:
                one.cancel()
            await asyncio.wait(others)

    async def killed_at(self, step: str, phase: str, operation_id: str) -> None:
        """Let a worker die at a point of an operation, and see that it came that far."""
        died = asyncio.Event()

        def checkpoint(_kind: str, name: str, at: str) -> None:
            if (name, at) == (step, phase) and not died.is_set():
                died.set()
                raise asyncio.CancelledError

        async with self.at_work(checkpoint):
            await asyncio.wait_for(died.wait(), 30)
        assert operation_id in await self.operations()

    async def shown(self) -> DeploymentOut:
        """Return the deployment as its owner sees it."""
        async with self.platform.database.read() as uow:
            return await deployments.get_(uow, self.owner, self.platform.deployments, self.id)

    async def password(self) -> str | None:
        """Return the password that its owner is given."""
        async with self.platform.database.read() as uow:
            found = await deployments.reveal(uow, self.owner, self.platform.deployments, self.id)
        return found[0].value

    async def disk(self) -> str:
        """Return what the scripts left on the guest's disk."""
        name = self.instance.native_name
        return (await self.driver.pull_file(name, STATE, limit_bytes=100_000)).content.decode()

    async def copies(self) -> list[str]:
        """Return the names of the copies that are kept."""
        return [one.name for one in await self.driver.list_snapshots(self.instance.native_name)]

    async def ways(self) -> dict[str, tuple[int, str]]:
        """Return where its routes lead, and how they stand."""
        async with self.platform.database.read() as uow:
            found = await uow.session.execute(
                text("select service, backend_port, state, owner from route order by service")
            )
            rows = found.all()
        assert {row.owner for row in rows} <= {self.id, *await self.operations()}
        return {row.service: (row.backend_port, row.state) for row in rows}

    async def nothing_pending(self) -> bool:
        """Tell whether nothing lies beside the deployment any more."""
        async with self.platform.database.read() as uow:
            change = await repository.find_change(uow, self.id)
            secrets = await self.platform.vault.all_of(uow, f"change:{self.id}")
        return change is None and secrets == {} and await self.copies() == []

    async def _live(self) -> None:
        running: set[str] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                job = await self.agent.claim(*running)
                if job is None:
                    await asyncio.sleep(0.01)
                    continue
                running.add(f"{job['job']}:{job['attempt']}")
                group.create_task(self._work(job, running))

    async def _work(self, job: dict[str, Any], running: set[str]) -> None:
        if "package" in job:
            what = (job["script"], job["package"]["version"])
            await self._leave(job)
            self.ran.append(what)
            self.begun.set()
            if what in self.held:
                await self.held[what].wait()
            outcome = ("failed", 3) if what in self.failing else ("done", 0)
        else:
            outcome = ("done", 0)
        await self.agent.report(job, outcome[0], exit_code=outcome[1])
        running.discard(f"{job['job']}:{job['attempt']}")

    async def _leave(self, job: dict[str, Any]) -> None:
        """Let a script leave its traces on the disk."""
        if job["script"] == "check.sh":
            return
        told = f"{job['script']} {job['package']['version']} {job['inputs']['title']}"
        name = self.instance.native_name
        await self.driver.push_file(name, GuestFile(STATE, told.encode()))


def package(place: Path, **parts: object) -> Package:
    """Return a version of the package."""
    path = folder(place, **parts)
    for name in ("check.sh", "upgrade.sh"):
        (path / name).write_text(SCRIPT)
    return load_package(path)


async def make_site(
    platform: Platform, place: Path, without: frozenset[Ability] = frozenset()
) -> Site:
    """Return a deployment of version 1 that is live, with version 2 in the catalog."""
    shelf = platform.deployments.catalog
    shelf.fill(Catalog({**shelf.packages, "demo": package(place / "old", **OLD)}))
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    faults = FaultPlan()
    driver = SimulatorDriver(World(VirtualTime()), faults, without)
    async with platform.database.write() as uow:
        wish = DeploymentIn(app="demo", name="home", inputs={"title": "First"})
        made = await deployments.create(uow, owner, platform.deployments, wish)
        row = await uow.session.get_one(DeploymentRow, made.deployment_id)
        row.state = "live"
        await end_operations(uow)
        await exposure.publish(uow, platform.vault, _authority(platform), row.id)
        instance = await instances.find(uow, row.instance_id)
        assert instance is not None
        await infra.want(uow, instance.id, infra.Wanted.RUNNING)
        ticket = await agents.issue_enrolment(uow, instance.id)
    await _run(driver, instance)
    http = platform.agent()
    answer = await http.post("/agent/v1/enrol", json={"token": ticket, "key": KEY, "version": "1"})
    agent = Agent(answer.json()["agent"], instance.id, http)
    plans = change_flows.assemble(_tools(platform, driver))
    platform.services.add(plans)
    shelf.fill(Catalog({**shelf.packages, "demo": package(place / "new", **NEW)}))
    token = await platform.token(owner)
    return Site(platform, owner, driver, faults, instance, row.id, token, agent, place, plans)


def _authority(platform: Platform) -> pki.Authority:
    return pki.load(platform.services.get(Settings).server.data_dir)


async def _run(driver: SimulatorDriver, instance: Instance) -> None:
    """Make the guest of an instance, with something on its disk, and start it."""
    net = NetworkSpec("net", RANGE, IPv4Address("10.90.0.1"), 8444)
    await driver.ensure_network(net)
    spec = GuestSpec(
        name=instance.native_name,
        key=instance.key,
        owner=instance.id,
        image="stead-base",
        network="net",
        address=instance.ip,
        mac=instance.mac,
        cores=instance.cores,
        memory_mb=instance.memory_mb,
        disk_gb=instance.disk_gb,
    )
    await driver.settle(await driver.create(spec), 60)
    await driver.push_file(spec.name, GuestFile(STATE, b"install.sh 1.0.0 First"))
    await driver.settle(await driver.start(spec.name), 60)


def _tools(platform: Platform, driver: SimulatorDriver) -> workflows.Tools:
    async def engines(_cluster_id: str) -> EngineDriver:
        return driver

    folder_ = platform.services.get(Settings).server.data_dir
    return workflows.Tools(
        database=platform.database,
        engines=engines,
        vault=platform.vault,
        authority=_authority(platform),
        outside=Outside("127.0.0.1", 1, folder_ / "ca.pem"),
        image="stead-base",
        agent_port=8444,
        network_range=RANGE,
        open_gateway=_open,
        simulated=True,
    )


async def _open(_address: IPv4Address) -> None:
    """Listen nowhere."""
