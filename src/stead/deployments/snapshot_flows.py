"""The durable flows of snapshots."""

from typing import Protocol, runtime_checkable

from stead.core.durable import Plan, Step, StepContext, StepError
from stead.deployments import snapshots as service
from stead.deployments.acting_flows import ActingFlow
from stead.deployments.rules import DeploymentState, native_snapshot
from stead.deployments.snapshots import Snapshots
from stead.deployments.workflows import Tools
from stead.engines import abilities
from stead.engines.capabilities import Ability
from stead.engines.errors import EngineError, UnsupportedError
from stead.engines.port import EngineDriver
from stead.infra import public as infra
from stead.instances.public import Instance


@runtime_checkable
class Keeping(EngineDriver, abilities.Snapshots, Protocol):
    """An engine that keeps states of disks."""


def assemble(tools: Tools) -> Snapshots:
    """Return everything that can be done with snapshots."""
    return Snapshots(take_plan(tools), restore_plan(tools), delete_plan(tools))


def take_plan(tools: Tools) -> Plan:
    """Return the plan that takes a snapshot, while the app goes on."""
    flow = SnapshotFlow(tools)
    return Plan(
        kind="deployment.snapshot",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.forget),
            Step("fit", "See that the cluster can do it", flow.fit),
            Step("take", "Take the snapshot", flow.take, flow.delete),
        ),
    )


def restore_plan(tools: Tools) -> Plan:
    """Return the plan that returns to a snapshot; the present is kept until that has worked."""
    flow = SnapshotFlow(tools)
    return Plan(
        kind="deployment.restore",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.give_back),
            Step("fit", "See that the snapshot is there", flow.look),
            Step("stop", "Stop the container", flow.halt, flow.run_again, 5),
            Step("keep", "Keep the present, in case", flow.keep, flow.let_go),
            Step("restore", "Return to the snapshot", flow.restore, flow.return_back),
            Step("start", "Start the container", flow.run_again, flow.halt, 5),
            Step("probe", "Reach it from outside", flow.arrive, attempts=1),
            Step("tidy", "Forget the present of before", flow.tidy, flow.still_there),
        ),
    )


def delete_plan(tools: Tools) -> Plan:
    """Return the plan that forgets a snapshot; it does not turn back half-way."""
    flow = SnapshotFlow(tools)
    return Plan(
        kind="deployment.snapshot_delete",
        version=1,
        cancellable=False,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.ready_again),
            Step("delete", "Delete the snapshot", flow.delete_step, attempts=5),
        ),
    )


class SnapshotFlow(ActingFlow):
    """The steps. What the engine calls a snapshot follows from its id, so none meet."""

    async def fit(self, context: StepContext) -> None:
        """Ask the engine whether it can; a later refusal would say less."""
        instance = await self._instance(context)
        await self._keeping(instance)

    async def take(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        native = native_snapshot(context.text("snapshot_id"))
        await self._settle(engine, await engine.create_snapshot(instance.native_name, native))
        async with self._database.write() as uow:
            await service.settle(uow, context.text("snapshot_id"))

    async def delete(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        native = native_snapshot(context.text("snapshot_id"))
        await self._settle(engine, await engine.delete_snapshot(instance.native_name, native))

    async def delete_step(self, context: StepContext) -> None:
        await self.delete(context)
        await self.forget(context)

    async def forget(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await service.drop(uow, context.text("snapshot_id"))

    async def ready_again(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await service.settle(uow, context.text("snapshot_id"))

    async def look(self, context: StepContext) -> None:
        """See that the snapshot is there before anything is stopped for it."""
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        native = native_snapshot(context.text("snapshot_id"))
        found = await engine.list_snapshots(instance.native_name)
        if native not in [one.name for one in found]:
            raise StepError(
                "The cluster does not have this snapshot any more",
                hint="Somebody deleted it there; delete it here too",
            )

    async def keep(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        kept = native_snapshot(context.operation_id)
        await self._settle(engine, await engine.create_snapshot(instance.native_name, kept))

    async def let_go(self, context: StepContext) -> None:
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        kept = native_snapshot(context.operation_id)
        await self._settle(engine, await engine.delete_snapshot(instance.native_name, kept))

    async def restore(self, context: StepContext) -> None:
        await self._return_to(context, context.text("snapshot_id"))

    async def return_back(self, context: StepContext) -> None:
        """Be as before; without what was kept nothing was touched yet."""
        await self._return_to(context, context.operation_id)

    async def arrive(self, context: StepContext) -> None:
        """Be what it was before: reachable, or stopped."""
        if self.was_live(context):
            await self.reach(context)
        else:
            await infra.leave(self._database, context.text("instance_id"), infra.Wanted.STOPPED)
            await self.become(context, DeploymentState.STOPPED)

    async def tidy(self, context: StepContext) -> None:
        """Forget what was kept. It is no reason to take the return back if that fails."""
        try:
            await self.let_go(context)
        except EngineError as error:
            said = f"What was kept of before is still on the cluster: {error.message}"
            await context.emit("log", {"stream": "agent", "text": said})

    async def still_there(self, context: StepContext) -> None:
        """See that there is a way back before anything is taken back. Raises StepError."""
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        found = await engine.list_snapshots(instance.native_name)
        if native_snapshot(context.operation_id) not in [one.name for one in found]:
            raise StepError("What was before is not kept any more; the return is done")

    async def _return_to(self, context: StepContext, kept: str) -> None:
        instance = await self._instance(context)
        engine = await self._keeping(instance)
        task = await engine.restore_snapshot(instance.native_name, native_snapshot(kept))
        await self._settle(engine, task)

    async def _keeping(self, instance: Instance) -> Keeping:
        engine = await self._engine(instance)
        (await engine.capabilities()).require(Ability.SNAPSHOTS)
        if not isinstance(engine, Keeping):
            raise UnsupportedError("This engine keeps no states of disks")
        return engine
