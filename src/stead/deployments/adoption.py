"""What adopting and forgetting a deployment means after a restore interrupted its operation.

Adopting takes a guest that is there as it is and makes its deployment reachable. Forgetting
drops our records and leaves the guest alone. Neither creates or deletes a guest.
"""

from dataclasses import dataclass
from typing import Final

from stead.agents import public as agents
from stead.core import durable
from stead.core.authz import Actor
from stead.core.db import Uow
from stead.core.durable import (
    OperationRow,
    Plan,
    Step,
    StepContext,
    StepError,
    Submission,
    interrupted,
)
from stead.core.http import Provided
from stead.deployments import repository
from stead.deployments.errors import NothingToAdoptError
from stead.deployments.models import DeploymentRow
from stead.deployments.rules import DeploymentState
from stead.deployments.workflows import Flow, Tools, instance_of
from stead.infra import public as infra
from stead.operations import public as operations


@dataclass(frozen=True, slots=True)
class Adoption:
    """The plans that act on a decision."""

    adopt_plan: Plan
    forget_plan: Plan


def adopt_plan(tools: Tools) -> Plan:
    """Return the plan that makes a guest that is there a deployment that is live."""
    flow = _AdoptionFlow(tools)
    return Plan(
        kind="deployment.adopt",
        version=1,
        steps=(
            Step("decide", "Take the decision", flow.begin, flow.reopen),
            Step("look", "Find the container", flow.look, attempts=1),
            Step("start", "Start the container", flow.start),
            Step("agent", "Hear from its agent", flow.hear_agent, attempts=1),
            Step("route", "Publish the route", flow.publish, flow.withdraw),
            Step("probe", "Reach it from outside", flow.probe, attempts=1),
        ),
    )


def forget_plan(tools: Tools) -> Plan:
    """Return the plan that drops the records of a deployment; its guest stays as it is."""
    flow = _AdoptionFlow(tools)
    return Plan(
        kind="deployment.forget",
        version=1,
        cancellable=False,
        steps=(
            Step("decide", "Take the decision", flow.begin, flow.reopen),
            Step("withdraw", "Take the route away", flow.withdraw_step, attempts=5),
            Step("revoke", "Revoke the agent", flow.revoke_step, attempts=5),
            Step("release", "Release name, address and route", flow.release_step, attempts=5),
        ),
    )


class _AdoptionFlow(Flow):
    async def begin(self, context: StepContext) -> None:
        """The decision was recorded with the request; undoing this step asks again."""

    async def reopen(self, context: StepContext) -> None:
        decided = context.text("interrupted")
        async with self._database.write() as uow:
            await interrupted.reopen(uow, decided)
            row = await repository.find(uow, context.text("deployment_id"))
            if row is not None:
                row.operation_id, row.state = decided, context.text("state")

    async def look(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
        found = await (await self._engine(instance)).find(instance.native_name)
        if found is None:
            raise StepError(
                f"There is no container {instance.native_name}", hint="Undo or forget it instead"
            )
        if found.key != instance.key:
            raise StepError(f"The container {instance.native_name} is not ours")

    async def hear_agent(self, context: StepContext) -> None:
        """Let an agent enrol that the copy does not know, which takes a restart of its guest."""
        async with self._database.read() as uow:
            instance = await instance_of(uow, context)
            if await agents.is_enrolled(uow, instance.id):
                return
        await self.inject(context)
        await infra.leave(self._database, instance.id, infra.Wanted.ANY)
        engine = await self._engine(instance)
        await self._settle(engine, await engine.stop(instance.native_name, force=True))
        await self._settle(engine, await engine.start(instance.native_name))
        await infra.leave(self._database, instance.id, infra.Wanted.RUNNING)
        await self.wait_for_agent(context)


async def _adopt(services: Provided, uow: Uow, actor: Actor, operation: OperationRow) -> str:
    row = await repository.find(uow, _text(operation, "deployment_id"))
    if row is None:
        raise NothingToAdoptError(
            "The deployment is not on record any more", hint="Undo or forget it instead"
        )
    plan = services.get(Adoption).adopt_plan
    return await _submit(uow, actor, plan, operation, row, DeploymentState.DEPLOYING)


async def _forget(services: Provided, uow: Uow, actor: Actor, operation: OperationRow) -> str:
    row = await repository.find(uow, _text(operation, "deployment_id"))
    if row is None:
        return operation.id
    plan = services.get(Adoption).forget_plan
    return await _submit(uow, actor, plan, operation, row, DeploymentState.REMOVING)


async def _submit(
    uow: Uow,
    actor: Actor,
    plan: Plan,
    operation: OperationRow,
    row: DeploymentRow,
    state: DeploymentState,
) -> str:
    verb = "Adopt" if state is DeploymentState.DEPLOYING else "Forget"
    submission = Submission(
        project_id=row.project_id,
        subject=operation.subject,
        title=f"{verb} {row.name}",
        requested_by=actor.name,
        params={
            "deployment_id": row.id,
            "instance_id": row.instance_id,
            "name": row.name,
            "interrupted": operation.id,
            "state": row.state,
        },
    )
    row.operation_id = await durable.submit(uow, plan, submission)
    row.state = state
    return row.operation_id


async def _look(uow: Uow, operation: OperationRow) -> operations.Situation | None:
    guest, presence, looked_at = await infra.find_presence(uow, _text(operation, "instance_id"))
    return operations.Situation(guest, presence, looked_at)


def _text(operation: OperationRow, name: str) -> str:
    return str(operation.params.get(name, ""))


RECOVERY: Final = operations.Recovery(_adopt, _forget, _look)
