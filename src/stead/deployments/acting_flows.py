"""The durable flows of what is done with a deployment that is there.

Each begins from a state of rest, live or stopped, and returns to it when it is undone.
"""

from stead.core.durable import Plan, Step, StepContext
from stead.deployments import repository
from stead.deployments.publishing import await_edges, until_reached
from stead.deployments.rules import DeploymentState
from stead.deployments.workflows import Flow, Tools
from stead.engines.errors import TaskFailedError
from stead.engines.port import EngineDriver
from stead.exposure import public as exposure
from stead.infra import public as infra
from stead.instances.public import Instance


def start_plan(tools: Tools) -> Plan:
    """Return the plan that makes a deployment live again."""
    flow = ActingFlow(tools)
    return Plan(
        kind="deployment.start",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.give_back),
            Step("start", "Start the container", flow.run, flow.rest_again, 5),
            Step("route", "Publish the route", flow.serve, flow.shut_again),
            Step("probe", "Reach it from outside", flow.reach, attempts=1),
        ),
    )


def stop_plan(tools: Tools) -> Plan:
    """Return the plan that stops a deployment, and says so to its visitors."""
    flow = ActingFlow(tools)
    return Plan(
        kind="deployment.stop",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.give_back),
            Step("route", "Tell visitors that it is stopped", flow.shut, flow.serve_again),
            Step("stop", "Stop the container", flow.rest, flow.run_again, 5),
        ),
    )


def restart_plan(tools: Tools) -> Plan:
    """Return the plan that stops a deployment's container and starts it again."""
    flow = ActingFlow(tools)
    return Plan(
        kind="deployment.restart",
        version=1,
        steps=(
            Step("begin", "Take it in hand", flow.begin, flow.give_back),
            Step("stop", "Stop the container", flow.halt, flow.run_again, 5),
            Step("start", "Start the container", flow.run, attempts=5),
            Step("probe", "Reach it from outside", flow.reach, attempts=1),
        ),
    )


class ActingFlow(Flow):
    """The steps; those that end in ``again`` undo, and only what was otherwise before."""

    async def begin(self, context: StepContext) -> None:
        """The request wrote down what is being done; undoing this step takes it back."""

    async def give_back(self, context: StepContext) -> None:
        await self.become(context, DeploymentState(context.text("before")))

    async def run(self, context: StepContext) -> None:
        instance = await self._instance(context)
        await self._start(instance)

    async def run_again(self, context: StepContext) -> None:
        if self.was_live(context):
            await self.run(context)
        else:
            await infra.leave(self._database, context.text("instance_id"), infra.Wanted.STOPPED)

    async def halt(self, context: StepContext) -> None:
        """Stop the container for a moment; nobody is to take that for a change from outside."""
        instance = await self._instance(context)
        await infra.leave(self._database, instance.id, infra.Wanted.ANY)
        await self._stop(context, await self._engine(instance), instance)

    async def rest(self, context: StepContext) -> None:
        """Stop the container and leave it so."""
        await self.halt(context)
        await infra.leave(self._database, context.text("instance_id"), infra.Wanted.STOPPED)
        await self.become(context, DeploymentState.STOPPED)

    async def rest_again(self, context: StepContext) -> None:
        if not self.was_live(context):
            await self.rest(context)

    async def serve(self, context: StepContext) -> None:
        await self.publish(context)

    async def serve_again(self, context: StepContext) -> None:
        if self.was_live(context):
            await self.serve(context)

    async def shut(self, context: StepContext) -> None:
        """Let the edges answer for it that it is stopped."""
        owner = context.text("deployment_id")
        async with self._database.write() as uow:
            version = await exposure.shut(uow, owner)
        await await_edges(self._database, version, owner)

    async def shut_again(self, context: StepContext) -> None:
        if not self.was_live(context):
            await self.shut(context)

    async def reach(self, context: StepContext) -> None:
        """Take the way of a visitor; from here on it is live."""
        async with self._database.read() as uow:
            routes = await exposure.list_routes(uow, context.text("deployment_id"))
        for route in routes:
            if self.simulated:
                said = f"Simulated: nothing listens behind {route.host}, so it was not asked"
                await context.emit("log", {"stream": "agent", "text": said})
            else:
                await until_reached(self._tools.outside, route)
        await self.become(context, DeploymentState.LIVE)

    async def become(self, context: StepContext, state: DeploymentState) -> None:
        """Write down how the deployment stands."""
        async with self._database.write() as uow:
            row = await repository.find(uow, context.text("deployment_id"))
            if row is not None:
                row.state = state

    def was_live(self, context: StepContext) -> bool:
        """Tell whether the deployment ran before this operation."""
        return context.text("before") == DeploymentState.LIVE

    async def _start(self, instance: Instance) -> None:
        await infra.leave(self._database, instance.id, infra.Wanted.ANY)
        engine = await self._engine(instance)
        await self._settle(engine, await engine.start(instance.native_name))
        await infra.leave(self._database, instance.id, infra.Wanted.RUNNING)

    async def _stop(self, context: StepContext, engine: EngineDriver, instance: Instance) -> None:
        """Ask the container to stop, and make it when it does not."""
        try:
            await self._settle(engine, await engine.stop(instance.native_name, force=False))
        except TaskFailedError as error:
            said = f"It did not stop by itself ({error.message}), so it is made to"
            await context.emit("log", {"stream": "agent", "text": said})
            await self._settle(engine, await engine.stop(instance.native_name, force=True))
