"""The durable flows of deployments: deploy and remove, as plans over the engine port.

Every ``do`` may run again after a crash and begins by looking at what is there already;
every ``undo`` accepts that there is nothing.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core.db import Database, Uow
from stead.core.durable import Json, Plan, Step, StepContext, StepError
from stead.core.pki import Authority
from stead.core.vault import Vault
from stead.deployments import places, repository, scripts, snapshots
from stead.deployments.attention import explain_silence, until_answered
from stead.deployments.checking import policy_step
from stead.deployments.models import DeploymentRow
from stead.deployments.publishing import Doorway, Outside, await_edges, until_reached
from stead.deployments.rules import DeploymentState, change_owner, limit_owner
from stead.engines.errors import ConflictError, OutcomeUnknownError, UnsupportedError
from stead.engines.port import ContainerEngine, EngineDriver
from stead.engines.values import EngineTask, GuestFile, GuestSpec, NetworkSpec
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances
from stead.kit import clock
from stead.network import public as network

BOOTSTRAP: Final = "/var/lib/stead-agent/bootstrap.json"
ENGINE_SECONDS: Final = 120.0
ENROL_SECONDS: Final = 90.0
# Longer than the longest installation may take, and some waiting before it.
DEADLINE_SECONDS: Final = 36 * 3600.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the flows work with."""

    database: Database
    engines: Callable[[str], Awaitable[EngineDriver]]
    vault: Vault
    authority: Authority
    outside: Outside
    image: str
    agent_port: int
    network_range: IPv4Network
    open_gateway: Callable[[IPv4Address], Awaitable[None]]
    simulated: bool = False
    doorway: Doorway | None = None


def deploy_plan(tools: Tools, version: int = 2) -> Plan:
    """Return the plan that makes a deployment live, or leaves nothing behind.

    Version 1 is for what began before the rules were asked again.
    """
    flow = Flow(tools)
    return Plan(
        kind="deployment.deploy",
        version=version,
        deadline_seconds=DEADLINE_SECONDS,
        steps=(
            Step("reserve", "Reserve name, address and route", flow.reserve, flow.release),
            *checks(tools, version),
            Step("network", "Prepare the project's network", flow.ensure_network),
            Step(
                "create",
                "Create the container",
                flow.create,
                flow.destroy,
                limits=places.to_create,
            ),
            Step("token", "Hand over a one-time token", flow.inject, flow.revoke),
            Step("start", "Start the container", flow.start, limits=places.to_start),
            Step("enrol", "Wait for its agent", flow.wait_for_agent, attempts=1),
            *last_steps(flow),
        ),
    )


def checks(tools: Tools, version: int) -> tuple[Step, ...]:
    """Return what a version of a plan asks before its first effect."""
    return (policy_step(tools.database),) if version > 1 else ()


def last_steps(flow: "Flow") -> tuple[Step, ...]:
    """Return the steps that are the same wherever the guest is, once its agent is there."""
    return (
        Step("install", "Install the app", flow.install, flow.stop_job, 1, 0.5, 90_000),
        Step("check", "Check that it works", flow.check, flow.stop_job, 1, 0.5, 900),
        Step("route", "Publish the route", flow.publish, flow.withdraw),
        Step("probe", "Reach it from outside", flow.probe, attempts=1),
    )


def remove_plan(tools: Tools) -> Plan:
    """Return the plan that takes a deployment away; it does not turn back half-way."""
    flow = Flow(tools)
    return Plan(
        kind="deployment.remove",
        version=1,
        cancellable=False,
        steps=(
            Step("begin", "Begin the removal", flow.begin_removal, flow.removal_failed),
            Step("withdraw", "Take the route away", flow.withdraw_step, attempts=5),
            Step("revoke", "Revoke the agent", flow.revoke_step, attempts=5),
            Step(
                "destroy",
                "Delete the container",
                flow.destroy_step,
                attempts=8,
                limits=places.to_destroy,
            ),
            Step("release", "Release name, address and route", flow.release_step, attempts=5),
        ),
    )


class Flow:
    """The steps; each is named after what it makes true."""

    enrol_seconds = ENROL_SECONDS

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._database = tools.database
        self.simulated = tools.simulated

    async def reserve(self, context: StepContext) -> dict[str, Json]:
        """Make sure that what the request reserved is still there; return where it is."""
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            return await places.found(uow, instance, self._tools.image)

    async def release(self, context: StepContext) -> None:
        deployment_id = context.text("deployment_id")
        async with self._database.write() as uow:
            change = await repository.find_change(uow, deployment_id)
            if change is not None:
                await exposure.release(uow, self._tools.vault, change.operation_id)
            await exposure.release(uow, self._tools.vault, deployment_id)
            await self._tools.vault.forget(uow, deployment_id)
            await self._tools.vault.forget(uow, change_owner(deployment_id))
            await instances.release(uow, context.text("instance_id"))
            await identity.release(uow, limit_owner(deployment_id))
            await snapshots.drop_all(uow, deployment_id)
            await repository.delete_(uow, deployment_id)

    async def ensure_network(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            net = await network.get_network(uow, instance.network_id)
        spec = NetworkSpec(
            name=net.native_name,
            cidr=net.cidr,
            gateway=net.gateway,
            agent_port=self._tools.agent_port,
            fenced_off=(self._tools.network_range,),
            reachable=net.open_part,
        )
        await (await self._own(instance)).ensure_network(spec)
        await self._tools.open_gateway(net.gateway)

    async def create(self, context: StepContext) -> dict[str, Json]:
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            net = await network.get_network(uow, instance.network_id)
            manifest = catalog.Manifest.model_validate(
                (await deployment_of(uow, context)).manifest
            )
        spec = GuestSpec(
            name=instance.native_name,
            key=instance.key,
            owner=instance.id,
            image=self._tools.image,
            network=net.native_name,
            address=instance.ip,
            mac=instance.mac,
            cores=instance.cores,
            memory_mb=instance.memory_mb,
            disk_gb=instance.disk_gb,
            nesting=manifest.nesting,
            reachable=instance.ip in net.open_part,
        )
        engine = await self._own(instance)
        if not await instances.hand_over(self._database, engine, instance.id, spec):
            await self._settle(engine, await engine.create(spec))
        made = await engine.find(spec.name)
        if made is None:
            raise OutcomeUnknownError(f"The container {spec.name} was accepted and is not there")
        return {"node": made.node}

    async def destroy(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            instance = await instances.find(uow, context.text("instance_id"))
        if instance is None:
            return
        await infra.leave(self._database, instance.id, infra.Wanted.ABSENT)
        engine = await self._engine(instance)
        await instances.drop_taken(self._database, engine, instance.id)
        found = await engine.find(instance.native_name)
        if found is None:
            return
        if found.key != instance.key:
            raise ConflictError(
                f"The engine has a container {instance.native_name} that is not ours; "
                "it was left alone"
            )
        await self._settle(engine, await engine.stop(instance.native_name, force=True))
        await self._settle(engine, await engine.delete(instance.native_name))

    async def inject(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            instance = await instance_of(uow, context)
            net = await network.get_network(uow, instance.network_id)
            token = await agents.issue_enrolment(uow, instance.id)
        bootstrap = {
            "server": f"https://{net.gateway}:{self._tools.agent_port}",
            "ca": self._tools.authority.pem,
            "token": token,
        }
        file = GuestFile(BOOTSTRAP, json.dumps(bootstrap).encode())
        await (await self._own(instance)).push_file(instance.native_name, file)

    async def revoke(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await agents.revoke(uow, self._tools.vault, context.text("instance_id"))

    async def start(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._engine(instance)
        await self._settle(engine, await engine.start(instance.native_name))
        await infra.leave(self._database, instance.id, infra.Wanted.RUNNING)

    async def wait_for_agent(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._engine(instance)

        async def look(uow: Uow) -> bool | None:
            return await agents.is_enrolled(uow, instance.id) or None

        topic = agents.topic(instance.id)
        # One that stopped has more to tell than that.
        with suppress(StepError):
            if await until_answered(
                self._database, engine, instance.native_name, topic, look, self.enrol_seconds
            ):
                return
        await explain_silence(context, engine, instance.native_name, self.enrol_seconds)

    async def install(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            manifest = catalog.Manifest.model_validate(
                (await deployment_of(uow, context)).manifest
            )
        await self._run_script(context, manifest.install_script, manifest.timeout_seconds)

    async def check(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            manifest = catalog.Manifest.model_validate(
                (await deployment_of(uow, context)).manifest
            )
        if manifest.check_script is not None:
            await self._run_script(context, manifest.check_script, 120)

    async def stop_job(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await agents.cancel_job(uow, context.key)

    async def publish(self, context: StepContext) -> None:
        owner = context.text("deployment_id")
        async with self._database.write() as uow:
            version = await exposure.publish(uow, self._tools.vault, self._tools.authority, owner)
        await await_edges(self._database, version, owner)

    async def withdraw(self, context: StepContext) -> None:
        owner = context.text("deployment_id")
        async with self._database.write() as uow:
            version = await exposure.withdraw(uow, owner)
        await await_edges(self._database, version, owner)

    async def probe(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            routes = await exposure.list_routes(uow, context.text("deployment_id"))
        await self._reach(context, routes)
        async with self._database.write() as uow:
            row = await deployment_of(uow, context)
            row.state = DeploymentState.LIVE
            row.live_at = clock.utc_now()

    async def _reach(self, context: StepContext, routes: Sequence[exposure.Route]) -> None:
        for route in routes:
            if self.simulated:
                said = f"Simulated: nothing listens behind {route.host}, so it was not asked"
                await context.emit("log", {"stream": "agent", "text": said})
            else:
                await until_reached(self._tools.outside, route)

    async def begin_removal(self, context: StepContext) -> dict[str, Json]:
        """Nothing is done yet; from here on the removal goes forward only."""
        async with self._database.read() as uow:
            instance = await instances.find(uow, context.text("instance_id"))
            return await places.found(uow, instance) if instance is not None else {}

    async def removal_failed(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            row = await repository.find(uow, context.text("deployment_id"))
            if row is not None:
                row.state = DeploymentState.REMOVE_FAILED

    async def withdraw_step(self, context: StepContext) -> None:
        await self.withdraw(context)

    async def revoke_step(self, context: StepContext) -> None:
        await self.revoke(context)

    async def destroy_step(self, context: StepContext) -> None:
        await self.destroy(context)

    async def release_step(self, context: StepContext) -> None:
        await self.release(context)

    async def _engine(self, instance: instances.Instance) -> EngineDriver:
        return await self._tools.engines(instance.cluster_id)

    async def _own(self, instance: instances.Instance) -> ContainerEngine:
        """Return the engine of the server's own cluster, with networks of ours."""
        engine = await self._engine(instance)
        if not isinstance(engine, ContainerEngine):
            raise UnsupportedError("This engine has no networks of ours, or takes no files")
        return engine

    async def _instance(self, context: StepContext) -> instances.Instance:
        async with self._database.read() as uow:
            return await instance_of(uow, context)

    def _doorway(self) -> Doorway:
        if self._tools.doorway is None:
            raise StepError(
                "Agents of guests on other clusters have no address to call",
                hint="Set server.agent_address to an address of this machine, and restart",
            )
        return self._tools.doorway

    async def _settle(self, engine: EngineDriver, task: EngineTask) -> None:
        await engine.settle(task, ENGINE_SECONDS)

    async def _run_script(self, context: StepContext, script: str, limit: int) -> None:
        async with self._database.read() as uow:
            row = await deployment_of(uow, context)
        order = scripts.Order(
            script, limit, context.key, row.id, row.package_version, row.package_digest, row.inputs
        )
        await self._run(context, replace(order, parks=True))

    async def _run(self, context: StepContext, order: scripts.Order) -> None:
        async with self._database.write() as uow:
            row = await deployment_of(uow, context)
            instance = await instance_of(uow, context)
            job_id = await scripts.ensure(uow, self._tools.vault, context, row, order)
        engine = await self._engine(instance)
        await scripts.until_done(self._database, engine, instance.native_name, job_id, order)


async def instance_of(uow: Uow, context: StepContext) -> instances.Instance:
    found = await instances.find(uow, context.text("instance_id"))
    if found is None:
        raise StepError("The instance's record is gone")
    return found


async def deployment_of(uow: Uow, context: StepContext) -> DeploymentRow:
    row = await repository.find(uow, context.text("deployment_id"))
    if row is None:
        raise StepError("The deployment's record is gone")
    return row
