"""The durable flow of another size, and everything that can be done with a deployment."""

from typing import Protocol, runtime_checkable

from stead.core.durable import Json, Plan, Step, StepContext
from stead.deployments import acting_flows, repository, resizing
from stead.deployments.acting import Acting
from stead.deployments.acting_flows import ActingFlow
from stead.deployments.workflows import Tools
from stead.engines.abilities import Resize
from stead.engines.capabilities import Ability
from stead.engines.errors import UnsupportedError
from stead.engines.port import EngineDriver
from stead.engines.values import GuestSize
from stead.infra import public as infra
from stead.instances.public import Instance, Shape


@runtime_checkable
class Resizing(EngineDriver, Resize, Protocol):
    """An engine that gives guests other limits."""


def assemble(tools: Tools) -> Acting:
    """Return everything that can be done with a deployment that is there."""
    return Acting(
        acting_flows.start_plan(tools),
        acting_flows.stop_plan(tools),
        acting_flows.restart_plan(tools),
        resize_plan(tools),
    )


def resize_plan(tools: Tools) -> Plan:
    """Return the plan that gives a container another size, while it runs or not."""
    flow = ResizeFlow(tools)
    return Plan(
        kind="deployment.resize",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.free),
            Step("fit", "See that the cluster can do it", flow.fit),
            Step("resize", "Change the container", flow.resize, flow.resize_back),
        ),
    )


class ResizeFlow(ActingFlow):
    """The steps. A disk that has grown stays so, and is written down as it is."""

    async def fit(self, context: StepContext) -> None:
        instance = await self._instance(context)
        await self._resizing(instance)

    async def resize(self, context: StepContext) -> None:
        shape = _shape(context.params["size"])
        await self._change(context, shape)
        await self._take_up(context, shape)

    async def resize_back(self, context: StepContext) -> None:
        await self._change(context, await self._before(context))

    async def free(self, context: StepContext) -> None:
        """Give back what was taken up for the other size."""
        await self._take_up(context, await self._before(context))

    async def _change(self, context: StepContext, shape: Shape) -> None:
        instance = await self._instance(context)
        engine = await self._resizing(instance)
        await infra.leave(self._database, instance.id, infra.Wanted.ANY)
        size = GuestSize(shape.cores, shape.memory_mb, shape.disk_gb)
        await self._settle(engine, await engine.resize(instance.native_name, size))
        left = infra.Wanted.RUNNING if self.was_live(context) else infra.Wanted.STOPPED
        await infra.leave(self._database, instance.id, left)

    async def _take_up(self, context: StepContext, shape: Shape) -> None:
        async with self._database.write() as uow:
            row = await repository.find(uow, context.text("deployment_id"))
            if row is not None:
                await resizing.take_up(uow, row, shape)

    async def _before(self, context: StepContext) -> Shape:
        """Return what it had, with the disk that it has."""
        before = _shape(context.params["before_size"])
        instance = await self._instance(context)
        found = await (await self._engine(instance)).find(instance.native_name)
        disk_gb = found.size.disk_gb if found is not None else 0
        return Shape(before.cores, before.memory_mb, max(before.disk_gb, disk_gb))

    async def _resizing(self, instance: Instance) -> Resizing:
        engine = await self._engine(instance)
        (await engine.capabilities()).require(Ability.RESIZE)
        if not isinstance(engine, Resizing):
            raise UnsupportedError("This engine gives guests no other limits")
        return engine


def _shape(listed: Json) -> Shape:
    if not isinstance(listed, list):
        raise TypeError("a size is three numbers")
    cores, memory_mb, disk_gb = (int(str(one)) for one in listed)
    return Shape(cores, memory_mb, disk_gb)
