"""Use cases on a deployment that is there: stop it, start it, start it anew.

One thing is done with a deployment at a time. Asking for the same again while it is being
done returns the operation that does it.
"""

from dataclasses import dataclass

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Json, Plan, Submission
from stead.deployments import repository, rules
from stead.deployments.errors import BusyError, NotInPlaceError
from stead.deployments.models import DeploymentRow
from stead.deployments.rules import DeploymentState
from stead.deployments.schemas import AcceptedOut


@dataclass(frozen=True, slots=True)
class Acting:
    """The plans of what can be done with a deployment that is there."""

    start_plan: Plan
    stop_plan: Plan
    restart_plan: Plan
    resize_plan: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return all of them, for the worker."""
        return self.start_plan, self.stop_plan, self.restart_plan, self.resize_plan


async def start(uow: Uow, actor: Actor, acting: Acting, deployment_id: str) -> AcceptedOut:
    """Queue its start. One that should run may have been stopped by somebody else meanwhile."""
    row = await get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    wish = Wish(acting.start_plan, f"Start {row.name}", DeploymentState.STARTING)
    return await begin(uow, actor, row, wish)


async def stop(uow: Uow, actor: Actor, acting: Acting, deployment_id: str) -> AcceptedOut:
    """Queue its stop; it stays so until somebody starts it, also when its host starts anew."""
    row = await get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    wish = Wish(acting.stop_plan, f"Stop {row.name}", DeploymentState.STOPPING)
    return await begin(uow, actor, row, wish)


async def restart(uow: Uow, actor: Actor, acting: Acting, deployment_id: str) -> AcceptedOut:
    """Queue its restart. Raises NotInPlaceError for one that is stopped."""
    row = await get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    if row.state == DeploymentState.STOPPED:
        raise NotInPlaceError(
            f"{row.name} is stopped", hint=f"Start it instead: stead start {row.name}"
        )
    wish = Wish(acting.restart_plan, f"Restart {row.name}", DeploymentState.RESTARTING)
    return await begin(uow, actor, row, wish)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with a deployment, and what it is meanwhile: by itself as it was."""

    plan: Plan
    title: str
    state: DeploymentState | None = None


async def get_row(uow: Uow, actor: Actor, deployment_id: str, asked: Action) -> DeploymentRow:
    """Return a deployment for whoever may do this with it, and keep others from changing it."""
    row = await repository.lock(uow, deployment_id)
    if row is None:
        raise authz.NotFoundError("There is no such deployment, or it is not yours")
    authz.require(actor, asked, row.project_id, "deployment")
    return row


async def begin(
    uow: Uow, actor: Actor, row: DeploymentRow, wish: Wish, **params: Json
) -> AcceptedOut:
    """Queue a plan that returns the deployment to how it was if it cannot be carried out.

    Raises BusyError while something else is being done, NotInPlaceError unless it was live once.
    """
    current = await durable.get(uow, row.operation_id)
    if current is not None and not durable.State(current.state).ended:
        if current.kind == wish.plan.kind and not params:
            return accepted(row)
        raise BusyError(
            f"{row.name} is busy: {current.title}",
            hint="Wait until that operation has ended, or cancel it",
        )
    before = rules.resting(row.state)
    if before is None:
        raise NotInPlaceError(
            f"{row.name} is {row.state.replace('_', ' ')}",
            hint="Only what is live or stopped can be worked with; it can be removed",
        )
    row.operation_id = await durable.submit(
        uow,
        wish.plan,
        Submission(
            project_id=row.project_id,
            subject=f"deployment:{row.id}",
            title=wish.title,
            requested_by=actor.name,
            params={
                "deployment_id": row.id,
                "instance_id": row.instance_id,
                "name": row.name,
                "before": before,
                **params,
            },
        ),
    )
    row.state = wish.state or row.state
    return accepted(row)


def accepted(row: DeploymentRow) -> AcceptedOut:
    """Return what is answered: the operation that works on a deployment now."""
    return AcceptedOut(operation_id=row.operation_id, deployment_id=row.id, name=row.name)
