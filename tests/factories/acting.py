"""A deployment that is live on a simulated cluster, and what does things with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

import httpx
from tests.factories.durable import ended, working
from tests.factories.elsewhere import DOORWAY, edge
from tests.factories.platform import RANGE, Platform, end_operations

from stead.core import pki
from stead.core.authz import Actor, Role
from stead.core.db import Uow
from stead.core.durable import Checkpoint
from stead.core.settings import Settings
from stead.deployments import public as deployments, resize_flows, snapshot_flows, workflows
from stead.deployments.acting import Acting
from stead.deployments.models import DeploymentRow, SnapshotRow
from stead.deployments.public import DeploymentIn
from stead.deployments.publishing import Outside
from stead.deployments.snapshots import Snapshots, contents
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.port import EngineDriver
from stead.engines.values import Guest, GuestSpec, NetworkSpec
from stead.exposure import service as exposure
from stead.infra import public as infra
from stead.infra.models import ClaimRow
from stead.instances import public as instances
from stead.instances.public import Instance
from stead.kit import clock, ids
from stead.operations.schemas import OperationOut


@dataclass
class Yard:
    """One live deployment, its owner and its engine; the worker runs when it is asked to."""

    platform: Platform
    owner: Actor
    driver: SimulatorDriver
    acting: Acting
    snapshots: Snapshots
    faults: FaultPlan
    instance: Instance
    deployment_id: str
    token: str
    checkpoint: Checkpoint | None = None

    async def ask(self, verb: str, method: str = "POST", **body: Any) -> httpx.Response:  # noqa: ANN401  (bodies are JSON)
        """Ask the API to do something with the deployment."""
        path = f"/api/v1/deployments/{self.deployment_id}/{verb}".rstrip("/")
        async with self.platform.api(self.token) as api:
            return await api.request(method, path, json=body or None)

    async def do(self, verb: str, method: str = "POST", **body: Any) -> OperationOut:  # noqa: ANN401  (bodies are JSON)
        """Have something done and return how that ended."""
        answer = await self.ask(verb, method, **body)
        assert answer.status_code == 202, answer.text
        return await self.finish(answer.json()["operation_id"])

    async def finish(
        self, operation_id: str, checkpoint: Checkpoint | None = None
    ) -> OperationOut:
        """Let a worker bring an operation to its end."""
        async with self.at_work(checkpoint):
            return await ended(self.platform.database, operation_id, 30)

    @contextlib.asynccontextmanager
    async def at_work(self, checkpoint: Checkpoint | None = None) -> AsyncIterator[None]:
        """Run a worker and an edge meanwhile."""
        serving = asyncio.create_task(edge(self.platform))
        try:
            async with working(
                self.platform.database,
                *self.acting.plans,
                *self.snapshots.plans,
                self.platform.deployments.remove_plan,
                owner=ids.new_id(),
                checkpoint=checkpoint,
            ):
                yield
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    async def killed_at(self, step: str, phase: str, operation_id: str) -> None:
        """Let a worker die at a point of an operation, and see that it came that far."""
        died = asyncio.Event()

        def checkpoint(_kind: str, name: str, at: str) -> None:
            if (name, at) == (step, phase):
                died.set()
                raise asyncio.CancelledError

        async with self.at_work(checkpoint):
            await asyncio.wait_for(died.wait(), 30)

    async def guest(self) -> Guest:
        """Return the guest as the engine has it."""
        found = await self.driver.find(self.instance.native_name)
        assert found is not None
        return found

    async def state(self) -> str:
        """Return how the deployment stands on record."""
        async with self.platform.database.read() as uow:
            return (await uow.session.get_one(DeploymentRow, self.deployment_id)).state

    async def routes(self) -> set[str]:
        """Return how its routes stand."""
        async with self.platform.database.read() as uow:
            return {one.state for one in await exposure.list_routes(uow, self.deployment_id)}

    async def wanted(self) -> str:
        """Return how the guest is said to have been left."""
        async with self.platform.database.read() as uow:
            key = (self.instance.cluster_id, self.instance.native_name)
            return (await uow.session.get_one(ClaimRow, key)).wanted

    async def all(self) -> tuple[str, str, set[str], str]:
        """Return all of that: guest, deployment, routes, and how it was left."""
        return (
            (await self.guest()).state,
            await self.state(),
            await self.routes(),
            await self.wanted(),
        )


async def make_yard(platform: Platform, app: str = "static-site") -> Yard:
    """Return a deployment that is live, made without a worker."""
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    faults = FaultPlan()
    driver = SimulatorDriver(World(VirtualTime()), faults)
    async with platform.database.write() as uow:
        asked = DeploymentIn(app=app, name="home")
        made = await deployments.create(uow, owner, platform.deployments, asked)
        row = await uow.session.get_one(DeploymentRow, made.deployment_id)
        row.state = "live"
        await end_operations(uow)
        authority = pki.load(platform.services.get(Settings).server.data_dir)
        await exposure.publish(uow, platform.vault, authority, row.id)
        instance = await instances.find(uow, row.instance_id)
        assert instance is not None
        await infra.want(uow, instance.id, infra.Wanted.RUNNING)
    await _run(driver, instance)
    tools = _tools(platform, driver)
    acting = resize_flows.assemble(tools)
    snapshots = snapshot_flows.assemble(tools)
    platform.deployments = replace(platform.deployments, remove_plan=workflows.remove_plan(tools))
    platform.services.add(platform.deployments)
    platform.services.add(acting)
    platform.services.add(snapshots)
    token = await platform.token(owner)
    return Yard(
        platform, owner, driver, acting, snapshots, faults, instance, made.deployment_id, token
    )


async def _run(driver: SimulatorDriver, instance: Instance) -> None:
    """Make the guest of an instance, and start it."""
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
    await driver.settle(await driver.start(spec.name), 60)


def _tools(platform: Platform, driver: SimulatorDriver) -> workflows.Tools:
    folder = platform.services.get(Settings).server.data_dir

    async def engines(_cluster_id: str) -> EngineDriver:
        return driver

    return workflows.Tools(
        database=platform.database,
        engines=engines,
        vault=platform.vault,
        authority=pki.load(folder),
        outside=Outside("127.0.0.1", 1, folder / "ca.pem"),
        image="stead-base",
        agent_port=8444,
        network_range=RANGE,
        open_gateway=_open,
        simulated=True,
        doorway=DOORWAY,
    )


async def _open(_address: IPv4Address) -> None:
    """Listen nowhere."""


async def keep_snapshot(uow: Uow, deployment_id: str) -> str:
    """Write down that there is a snapshot of a deployment, which no engine knows of."""
    row = await uow.session.get_one(DeploymentRow, deployment_id)
    snapshot = SnapshotRow(
        id=ids.new_id(),
        deployment_id=row.id,
        name="kept",
        note="",
        state="ready",
        package_version=row.package_version,
        contents=contents(row),
        created_by="Ada",
        created_at=clock.utc_now(),
    )
    uow.session.add(snapshot)
    await uow.session.flush()
    return snapshot.id
