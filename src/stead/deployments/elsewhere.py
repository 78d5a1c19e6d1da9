"""The flow of a deployment on a connected cluster: all but the guest is as on the server's own.

There the network is not ours and no file can be put into a stopped guest. So before the first
effect the engine is asked how a one-time token gets in: with the guest as it is made, or through
the console of its first start, which is closed and verified before anybody else may see it.
"""

import json
from datetime import timedelta
from typing import Final, Protocol, runtime_checkable

from typing_extensions import override

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core.durable import Json, Plan, Step, StepContext, StepError
from stead.deployments import places, repository
from stead.deployments.workflows import (
    BOOTSTRAP,
    DEADLINE_SECONDS,
    Flow,
    Tools,
    checks,
    deploy_plan,
    instance_of,
    last_steps,
)
from stead.engines.abilities import Enrols
from stead.engines.capabilities import Ability
from stead.engines.errors import NotFoundError, OutcomeUnknownError, UnsupportedError
from stead.engines.port import EngineDriver
from stead.engines.scheduler import heard_by
from stead.engines.values import GuestFile, GuestKind, GuestSpec, Segment
from stead.infra import public as infra
from stead.instances import public as instances
from stead.kit.secrets import Secret

# From a first start that we ordered to the agent's first call.
EXPECTED: Final = timedelta(minutes=5)


@runtime_checkable
class Enrolling(EngineDriver, Enrols, Protocol):
    """An engine that brings a token into guests."""


def cluster_plan(tools: Tools, version: int = 2) -> Plan:
    """Return the plan that makes a deployment live on a connected cluster.

    Version 1 is for what began before the rules were asked again.
    """
    flow = ElsewhereFlow(tools)
    return Plan(
        kind="deployment.place",
        version=version,
        deadline_seconds=DEADLINE_SECONDS,
        steps=(
            Step("reserve", "Reserve name, number, address and route", flow.reserve, flow.release),
            *checks(tools, version),
            Step("fit", "See that the cluster can take it", flow.fit),
            Step("create", "Create the guest", flow.create, flow.unmake, limits=places.to_create),
            Step("open", "Open a way in for its one-time token", flow.open_way, flow.shut_way),
            Step("start", "Start the guest", flow.start, limits=places.to_start),
            Step("token", "Hand over the one-time token", flow.inject, flow.revoke),
            Step("close", "Close the way in", flow.close_way, attempts=5),
            Step("enrol", "Wait for its agent", flow.wait_for_agent, attempts=1),
            *last_steps(flow),
        ),
    )


def earlier_plans(tools: Tools) -> tuple[Plan, ...]:
    """Return the versions under which operations of earlier releases may still be open."""
    return deploy_plan(tools, 1), cluster_plan(tools, 1)


class ElsewhereFlow(Flow):
    """The steps that differ from those on the server's own cluster."""

    enrol_seconds = EXPECTED.total_seconds()

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        # Whatever the server's own cluster is, this one is there.
        self.simulated = False

    @override
    async def reserve(self, context: StepContext) -> dict[str, Json]:
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            hosting = await infra.hosting_of(uow, instance.cluster_id)
            return await places.found(uow, instance, hosting.image if hosting else "")

    async def fit(self, context: StepContext) -> dict[str, Json]:
        """Ask everything that can be asked; a cluster that lacks something refuses here."""
        self._doorway()
        instance, spec = await self._wanted(context)
        engine = await self._enrolling(instance)
        if spec.nesting and spec.kind is GuestKind.CONTAINER:
            (await engine.capabilities()).require(Ability.NESTING)
        way = await engine.way_in(spec)
        how = "with the guest as it is made" if way.at_creation else "through its console"
        bound = ", from its own address only" if way.fenced else ""
        said = f"Its one-time token will travel {how} and be good for five minutes{bound}"
        await context.emit("log", {"stream": "agent", "text": said})
        return {"at_creation": way.at_creation, "fenced": way.fenced}

    @override
    async def create(self, context: StepContext) -> dict[str, Json]:
        instance, spec = await self._wanted(context)
        engine = await self._enrolling(instance)

        async def say(text: str) -> None:
            await context.emit("log", {"stream": "agent", "text": f"{spec.name} is {text}"})

        with heard_by(say):
            await self._make(context, engine, instance, spec)
        made = await engine.find(spec.name)
        if made is None:
            raise OutcomeUnknownError(f"The guest {spec.name} was accepted and is not there")
        return {"node": made.node}

    async def _make(
        self,
        context: StepContext,
        engine: Enrolling,
        instance: instances.Instance,
        spec: GuestSpec,
    ) -> None:
        if _at_creation(context):
            ticket = f"{await self._token(instance)}:{self._doorway().ticket}"
            task = await engine.create_enrolling(spec, Secret(ticket))
            await self._settle(engine, task)
        elif not await instances.hand_over(self._database, engine, instance.id, spec):
            await self._settle(engine, await engine.create(spec))

    async def unmake(self, context: StepContext) -> None:
        """Take the guest away, and the token that it may have got with its creation."""
        await self.revoke(context)
        await self.destroy(context)

    async def open_way(self, context: StepContext) -> None:
        """Let the console be a root shell from the first start on, unless the token is there."""
        if not _at_creation(context):
            instance = await self._instance(context)
            await (await self._enrolling(instance)).open_shell(instance.native_name)

    async def shut_way(self, context: StepContext) -> None:
        """Leave no root console, whatever comes after; a guest that is gone has none."""
        instance = await self._instance(context)
        engine = await self._enrolling(instance)
        try:
            await self._settle(engine, await engine.stop(instance.native_name, force=True))
            await self._settle(engine, await engine.close_shell(instance.native_name))
        except NotFoundError:
            return

    @override
    async def start(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._enrolling(instance)
        address = str(instance.ip) if context.results["fit"]["fenced"] else None
        async with self._database.write() as uow:
            await agents.keep_enrolment(uow, self._tools.vault, instance.id)
            await agents.expect(uow, instance.id, EXPECTED, address)
        await self._settle(engine, await engine.start(instance.native_name))

    @override
    async def inject(self, context: StepContext) -> None:
        if _at_creation(context):
            return
        instance = await self._instance(context)
        doorway = self._doorway()
        token = await self._token(instance)
        bootstrap = {"server": doorway.url, "ca": doorway.certificate, "token": token}
        file = GuestFile(BOOTSTRAP, json.dumps(bootstrap).encode())
        await (await self._enrolling(instance)).put_secret(instance.native_name, file)

    async def close_way(self, context: StepContext) -> None:
        """Make sure that the console is an ordinary one, however the token came in."""
        instance = await self._instance(context)
        engine = await self._enrolling(instance)
        if not await engine.is_closed(instance.native_name):
            await self._settle(engine, await engine.close_shell(instance.native_name))
            if not await engine.is_closed(instance.native_name):
                raise StepError(
                    f"The console of {instance.native_name} is still a root shell", retryable=True
                )
        await infra.leave(self._database, instance.id, infra.Wanted.RUNNING)

    async def _wanted(self, context: StepContext) -> tuple[instances.Instance, GuestSpec]:
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            hosting = await infra.hosting_of(uow, instance.cluster_id)
            number = await infra.number_of(uow, instance.id)
            row = await repository.find(uow, context.text("deployment_id"))
            manifest = catalog.Manifest.model_validate(row.manifest) if row is not None else None
            if manifest is not None and manifest.nesting:
                await infra.require_nesting(uow, instance.cluster_id, manifest.name)
        if hosting is None or manifest is None:
            raise StepError(
                "The cluster takes no deployments any more", hint="Ask for another cluster"
            )
        spec = GuestSpec(
            name=instance.native_name,
            key=instance.key,
            owner=instance.id,
            image=hosting.image,
            network="",
            address=instance.ip,
            mac=instance.mac,
            cores=instance.cores,
            memory_mb=instance.memory_mb,
            disk_gb=instance.disk_gb,
            kind=hosting.kind,
            nesting=manifest.nesting,
            segment=Segment(hosting.cidr, hosting.gateway, hosting.nameserver),
            number=number,
        )
        return instance, spec

    async def _token(self, instance: instances.Instance) -> str:
        async with self._database.write() as uow:
            kept = await agents.keep_enrolment(uow, self._tools.vault, instance.id)
        return kept.reveal()

    async def _enrolling(self, instance: instances.Instance) -> Enrolling:
        engine = await self._engine(instance)
        if not isinstance(engine, Enrolling):
            raise UnsupportedError("This engine brings no one-time token into guests")
        return engine


def _at_creation(context: StepContext) -> bool:
    return bool(context.results["fit"]["at_creation"])
