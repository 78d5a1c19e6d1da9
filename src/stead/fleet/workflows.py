"""The durable flows on one machine: a job, an installation, a removal.

Each hands the agent a job under the step's own key, so that doing it again after a crash
finds the job that is there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core.db import Database, Uow
from stead.core.durable import Json, NeedsPersonError, Plan, Step, StepContext, StepError
from stead.core.vault import Vault
from stead.core.waiting import until
from stead.fleet import admission, repository, rules, tasks
from stead.fleet.models import InstallationRow
from stead.kit import clock

# How long a job may wait for an agent that is away.
PATIENCE_SECONDS: Final = 600.0
LONGEST_SECONDS: Final = 90_000.0
# A machine does one thing after the other, so others may be before it.
DEADLINE_SECONDS: Final = 2 * 24 * 3600.0
_HINT: Final = "The last lines of the log say what went wrong"


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the flows work with."""

    database: Database
    vault: Vault


def task_plan(tools: Tools) -> Plan:
    """Return the plan of a job other than an installer."""
    flow = _Flow(tools)
    run = Step("run", "Do the job", flow.run_task, flow.stop, 1, 0.5, LONGEST_SECONDS)
    return Plan(kind="machine.job", version=1, steps=(run,), deadline_seconds=DEADLINE_SECONDS)


def install_plan(tools: Tools, version: int = 2) -> Plan:
    """Return the plan that installs a package on a machine that is there already.

    Version 1 is for what began before the rules were asked.
    """
    flow = _Flow(tools)
    begin = Step("begin", "Begin", flow.begin, flow.fail)
    checks = (begin, admission.policy_step(tools.database)) if version > 1 else ()
    return Plan(
        kind="machine.install",
        version=version,
        repeatable=True,
        deadline_seconds=DEADLINE_SECONDS,
        steps=(
            *checks,
            Step("install", "Install it", flow.install, flow.fail, 1, 0.5, LONGEST_SECONDS),
            Step("check", "Check that it works", flow.check, flow.stop, 1, 0.5, 1800),
            Step("record", "Write it down", flow.record),
        ),
    )


def uninstall_plan(tools: Tools) -> Plan:
    """Return the plan that runs a package's own removal."""
    flow = _Flow(tools)
    return Plan(
        kind="machine.uninstall",
        version=1,
        repeatable=True,
        deadline_seconds=DEADLINE_SECONDS,
        steps=(
            Step("uninstall", "Remove it", flow.uninstall, flow.fail, 1, 0.5, LONGEST_SECONDS),
            Step("forget", "Forget it", flow.forget),
        ),
    )


class _Flow:
    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        self._vault = tools.vault

    async def run_task(self, context: StepContext) -> None:
        kind, owner = context.text("kind"), tasks.owner_of(context.operation_id)
        limit = rules.limit_seconds(kind)
        async with self._database.write() as uow:
            job_id = await agents.ensure_task(
                uow,
                agents.TaskRequest(
                    key=context.key,
                    instance_id=context.text("machine_id"),
                    operation_id=context.operation_id,
                    step=context.step,
                    kind=kind,
                    arguments=_arguments(context.params["arguments"]),
                    limit_seconds=limit,
                    requested_by=context.text("requested_by"),
                    secret_owner=owner,
                    secret_names=(tasks.CONTENT,) if kind == "file" else (),
                ),
            )
        await self._await(job_id, limit, "The job")
        if kind == "file":
            async with self._database.write() as uow:
                await self._vault.forget(uow, owner)

    async def stop(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await agents.cancel_job(uow, context.key)
            await self._vault.forget(uow, tasks.owner_of(context.operation_id))

    async def begin(self, context: StepContext) -> None:
        """Nothing is done yet; the request has written everything down."""

    async def install(self, context: StepContext) -> None:
        await self._script(context, lambda m: (m.install_script, m.timeout_seconds))

    async def check(self, context: StepContext) -> None:
        await self._script(context, lambda m: (m.check_script, 120))

    async def uninstall(self, context: StepContext) -> None:
        await self._script(context, lambda m: (m.uninstall_script, m.timeout_seconds))

    async def record(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            row = await _installation(uow, context)
            row.state, row.installed_at = "installed", clock.utc_now()

    async def fail(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            await agents.cancel_job(uow, context.key)
            row = await repository.find_installation(uow, context.text("installation_id"))
            if row is not None:
                row.state = "failed"

    async def forget(self, context: StepContext) -> None:
        installation_id = context.text("installation_id")
        async with self._database.write() as uow:
            await self._vault.forget(uow, installation_id)
            await repository.delete_installation(uow, installation_id)

    async def _script(
        self,
        context: StepContext,
        choose: Callable[[catalog.Manifest], tuple[str | None, int]],
    ) -> None:
        async with self._database.write() as uow:
            row = await _installation(uow, context)
            script, limit = choose(catalog.Manifest.model_validate(row.manifest))
            if script is None:
                return
            job_id = await agents.ensure_job(
                uow,
                agents.JobRequest(
                    key=context.key,
                    instance_id=row.machine_id,
                    operation_id=context.operation_id,
                    step=context.step,
                    package_id=row.package_id,
                    package_version=row.package_version,
                    package_digest=row.package_digest,
                    script=script,
                    inputs=row.inputs,
                    secret_owner=row.id,
                    secret_names=tuple(sorted(await self._vault.all_of(uow, row.id))),
                    limit_seconds=limit,
                    requested_by=row.requested_by,
                ),
            )
        await self._await(job_id, limit * 3, script, package=True)

    async def _await(self, job_id: str, limit: float, what: str, *, package: bool = False) -> None:
        result = await until(
            self._database,
            agents.result_topic(job_id),
            _result_of(job_id),
            limit + PATIENCE_SECONDS,
        )
        if result is None:
            raise StepError(
                "The agent did not answer in time",
                hint="See whether it is there: stead agents",
            )
        if not result.succeeded:
            reason = result.reason or f"It ended as {result.outcome}."
            failed = NeedsPersonError if package and result.needs_person else StepError
            raise failed(f"{what}: {reason}", hint=_HINT)


def _result_of(job_id: str) -> Callable[[Uow], Awaitable[agents.JobResult | None]]:
    async def look(uow: Uow) -> agents.JobResult | None:
        return await agents.find_result(uow, job_id)

    return look


async def _installation(uow: Uow, context: StepContext) -> InstallationRow:
    row = await repository.find_installation(uow, context.text("installation_id"))
    if row is None:
        raise StepError("The record of this package is gone")
    return row


def _arguments(raw: Json) -> dict[str, str | int | bool]:
    given = raw if isinstance(raw, dict) else {}
    return {name: value for name, value in given.items() if isinstance(value, str | int)}
