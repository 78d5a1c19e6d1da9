"""The durable flows of bundles: their members one after the other, and back.

Each member is a deployment with an operation of its own, submitted in the transaction that
says so in its row; after a crash those that were begun are followed, not begun again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from stead.bundles import repository, service
from stead.bundles.models import BundleRow, MemberRow
from stead.bundles.rules import BundleState
from stead.bundles.service import BundleWorks
from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import (
    Limit,
    OperationRow,
    Plan,
    Rule,
    State,
    Step,
    StepContext,
    StepError,
)
from stead.core.waiting import until
from stead.deployments import public as deployments

# A worker has room for so many; what they wait for needs room too.
AT_ONCE: Final = 4
LONGEST_SECONDS: Final = 2 * 24 * 3600.0
# Others may be before it.
DEADLINE_SECONDS: Final = 3 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the flows work with. ``works`` is known only after its plans are."""

    database: Database
    deployments: deployments.Deployments
    works: Callable[[], BundleWorks]


def deploy_plan(tools: Tools, version: int = 2) -> Plan:
    """Return the plan that makes all members live, or leaves none of them behind.

    Version 1 is for what began before the rules were asked about all members at once.
    """
    flow = _Flow(tools)
    rule = Rule(deployments.REFUSED_APPS.name, _refuses_member)
    checks = (durable.policy(tools.database, rule),) if version > 1 else ()
    return Plan(
        kind="bundle.deploy",
        version=version,
        deadline_seconds=DEADLINE_SECONDS,
        steps=(
            Step("reserve", "Take note of the members", flow.begin, flow.forget),
            *checks,
            _members("members", "Deploy the members", flow.deploy, flow.take_back),
            Step("finish", "Finish", flow.finish),
        ),
    )


def remove_plan(tools: Tools) -> Plan:
    """Return the plan that takes all members away; it does not turn back half-way."""
    flow = _Flow(tools)
    return Plan(
        kind="bundle.remove",
        version=1,
        cancellable=False,
        steps=(
            Step("begin", "Begin the removal", flow.begin, flow.removal_failed),
            _members("members", "Remove the members", flow.take_back),
            Step("forget", "Forget the bundle", flow.forget, attempts=5),
        ),
    )


def _members(
    name: str,
    title: str,
    do: Callable[[StepContext], Awaitable[None]],
    undo: Callable[[StepContext], Awaitable[None]] | None = None,
) -> Step:
    limit = Limit("bundles", AT_ONCE)
    return Step(name, title, do, undo, 1, 0.5, LONGEST_SECONDS, limits=lambda _context: (limit,))


class _Flow:
    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        self._deployments = tools.deployments
        self._works = tools.works

    async def begin(self, context: StepContext) -> None:
        """Nothing is done yet; the request has written everything down."""

    async def forget(self, context: StepContext) -> None:
        bundle_id = context.text("bundle_id")
        async with self._database.write() as uow:
            await self._works().vault.forget(uow, bundle_id)
            await repository.delete_(uow, bundle_id)

    async def deploy(self, context: StepContext) -> None:
        """Deploy one member after the other. Raises StepError with the first that fails."""
        members = await self._members(context)
        for number, member in enumerate(members):
            percent = number * 100 // len(members)
            said = f"{member.name}: {member.deployment_name}"
            await context.emit("progress", {"percent": percent, "text": said})
            operation_id = await self._begun(context, member.position)
            ended = await self._end_of(operation_id)
            if ended.state == State.KEPT:
                said = f"{member.name} waits for somebody: {_reason(ended)}"
                await context.emit("log", {"stream": "agent", "text": said})
                ended = await self._end_of(operation_id, frozenset({State.KEPT}))
            if ended.state != State.SUCCEEDED:
                raise StepError(
                    f"{member.name} could not be deployed: {_reason(ended)}",
                    hint=f"The operation of {member.deployment_name} has the details",
                )
            await context.emit("log", {"stream": "agent", "text": f"{member.name} is live"})

    async def take_back(self, context: StepContext) -> None:
        """Remove what there is of the members, the last one first."""
        for member in reversed(await self._members(context)):
            if member.deployment_id is None:
                continue
            await self._stop(member)
            await self._remove(member)
            said = f"{member.name} is removed"
            await context.emit("log", {"stream": "agent", "text": said})

    async def finish(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            row = await _bundle(uow, context)
            row.state = BundleState.LIVE
            await self._works().vault.forget(uow, row.id)

    async def removal_failed(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            row = await repository.find(uow, context.text("bundle_id"))
            if row is not None:
                row.state = BundleState.REMOVE_FAILED

    async def _members(self, context: StepContext) -> list[MemberRow]:
        async with self._database.read() as uow:
            return await repository.members(uow, context.text("bundle_id"))

    async def _begun(self, context: StepContext, position: int) -> str:
        async with self._database.write() as uow:
            row = await _bundle(uow, context)
            member = (await repository.members(uow, row.id))[position]
            if member.operation_id is None:
                await service.begin_member(uow, self._works(), self._deployments, row, member)
            return member.operation_id or ""

    async def _stop(self, member: MemberRow) -> None:
        """Have the deployment of a member stopped if it still goes on, and wait for its end."""
        operation_id = member.operation_id or ""
        async with self._database.write() as uow:
            operation = await durable.get(uow, operation_id)
            if operation is None or State(operation.state).ended:
                return
            await durable.request_cancel(uow, operation_id)
        await self._end_of(operation_id)

    async def _remove(self, member: MemberRow) -> None:
        async with self._database.write() as uow:
            operation_id = await deployments.begin_removal(
                uow, self._deployments, member.deployment_id or "", "the bundle"
            )
        if operation_id is None:
            return
        ended = await self._end_of(operation_id)
        if ended.state != State.SUCCEEDED:
            raise StepError(f"{member.deployment_name} could not be removed: {_reason(ended)}")

    async def _end_of(
        self, operation_id: str, waits: frozenset[State] = frozenset()
    ) -> OperationRow:
        """Wait for an operation's end; what waits for a person may still go on."""

        async def look(uow: Uow) -> OperationRow | None:
            row = await durable.get(uow, operation_id)
            if row is None:
                raise StepError("The record of an operation is gone")
            return row if State(row.state).ended and row.state not in waits else None

        topic = f"operation:{operation_id}"
        found = await until(self._database, topic, look, LONGEST_SECONDS)
        if found is None:
            raise StepError("An operation did not end in time")
        return found


async def _refuses_member(uow: Uow, context: StepContext) -> str | None:
    for member in await repository.members(uow, context.text("bundle_id")):
        refused = await deployments.app_refusal(uow, member.package_id)
        if refused is not None:
            return refused.message
    return None


async def _bundle(uow: Uow, context: StepContext) -> BundleRow:
    row = await repository.find(uow, context.text("bundle_id"))
    if row is None:
        raise StepError("The bundle's record is gone")
    return row


def _reason(ended: OperationRow) -> str:
    return str((ended.error or {}).get("message") or f"it ended as {ended.state}")
