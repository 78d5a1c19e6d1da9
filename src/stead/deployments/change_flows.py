"""The durable flow that changes a live deployment, or leaves it as it was.

A copy of the guest's disk is the way back where the engine keeps copies. Where it does not,
the version from before is installed again, with the inputs from before.
"""

from typing import Final, Protocol, runtime_checkable

from typing_extensions import override

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core import durable
from stead.core.db import Uow
from stead.core.durable import Json, Plan, Step, StepContext, StepError, Submission
from stead.deployments import changes, checking, repository, scripts
from stead.deployments.attention import until_answered
from stead.deployments.models import ChangeRow, DeploymentRow
from stead.deployments.publishing import await_edges
from stead.deployments.rules import DeploymentState, Stage, change_owner, limit_owner
from stead.deployments.workflows import Flow, Tools, deployment_of, instance_of
from stead.engines.abilities import Snapshots
from stead.engines.capabilities import Ability
from stead.engines.port import EngineDriver
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances

COPY_SECONDS: Final = 900.0
HEAR_SECONDS: Final = 120
_LONG: Final = 90_000


def assemble(tools: Tools) -> changes.Changes:
    """Return the plans that changes need."""
    return changes.Changes(change_plan(tools), tidy_plan(tools))


def change_plan(tools: Tools) -> Plan:
    """Return the plan that changes a deployment, or puts it back as it was."""
    flow = ChangeFlow(tools)
    return Plan(
        kind="deployment.change",
        version=1,
        steps=(
            Step("look", "Look whether a copy can be kept", flow.look, flow.abandon),
            checking.upgrade_step(tools.database),
            Step("copy", "Keep a copy of the disk", flow.keep_copy, flow.put_back, 2, 1, 3600),
            Step("install", "Install the change", flow.apply, flow.take_back, 1, 0.5, _LONG),
            Step("check", "Check that it works", flow.check, flow.stop_job, 1, 0.5, 900),
            Step("route", "Lead its routes there", flow.lead, flow.lead_back),
            Step("probe", "Reach it from outside", flow.probe, attempts=1),
            Step("turn", "Write down what it is now", flow.turn, flow.turn_back),
        ),
    )


def tidy_plan(tools: Tools) -> Plan:
    """Return the plan that drops what a change kept for the way back."""
    flow = ChangeFlow(tools)
    return Plan(
        kind="deployment.tidy",
        version=1,
        cancellable=False,
        repeatable=True,
        steps=(
            Step("drop", "Drop the copy of the disk", flow.drop_copy, None, 8, 2, 3600),
            Step("forget", "Forget what it was before", flow.forget, attempts=5),
        ),
    )


class ChangeFlow(Flow):
    """The steps; until the turn the deployment's own row says what it was before."""

    async def look(self, context: StepContext) -> dict[str, Json]:
        """Say before anything happens what the way back would be."""
        async with self._database.read() as uow:
            await _change(uow, context)
        reason = await self._no_copies(context)
        said = (
            "Before anything is touched a copy of the disk is kept; if the change fails,"
            " everything is put back as it was then"
            if reason is None
            else f"No copy of the disk can be kept ({reason}); if the change fails, the version"
            " from before is installed again over what is there"
        )
        await context.emit("log", {"stream": "agent", "text": said})
        return {"copies": reason is None}

    async def abandon(self, context: StepContext) -> None:
        """Forget what was wanted; the deployment is what it was."""
        deployment_id = context.text("deployment_id")
        async with self._database.write() as uow:
            row = await repository.lock(uow, deployment_id)
            change = await repository.find_change(uow, deployment_id)
            if row is None or change is None or change.operation_id != context.operation_id:
                return
            row.state = DeploymentState.LIVE
            await self._forget(uow, row, _manifest(row))

    async def keep_copy(self, context: StepContext) -> None:
        if context.results["look"]["copies"]:
            instance, engine = await self._copying(context)
            task = await engine.create_snapshot(instance.native_name, _copy(context.operation_id))
            await engine.settle(task, COPY_SECONDS)

    async def put_back(self, context: StepContext) -> None:
        """Put the disk back as it was, if anything was done to it, and drop the copy."""
        if not context.results["look"]["copies"]:
            return
        instance, engine = await self._copying(context)
        async with self._database.read() as uow:
            stage = (await _change(uow, context)).stage
        if stage == Stage.APPLYING:
            await self._restore(context, instance, engine)
            await self._enter(context, Stage.RESTORED)
        copy = _copy(context.operation_id)
        await engine.settle(await engine.delete_snapshot(instance.native_name, copy), COPY_SECONDS)

    async def apply(self, context: StepContext) -> None:
        await self._enter(context, Stage.APPLYING)
        async with self._database.read() as uow:
            row, change = await deployment_of(uow, context), await _change(uow, context)
        manifest = _manifest(change)
        upgraded = change.package_version != row.package_version
        script = (manifest.upgrade_script if upgraded else None) or manifest.install_script
        await self._run_of(context, change, script, manifest.timeout_seconds)

    async def take_back(self, context: StepContext) -> None:
        """Stop the script; without a copy install again what was there before."""
        await self.stop_job(context)
        async with self._database.read() as uow:
            row, change = await deployment_of(uow, context), await _change(uow, context)
        if change.stage == Stage.APPLYING and not context.results["look"]["copies"]:
            manifest = _manifest(row)
            script, limit = manifest.install_script, manifest.timeout_seconds
            await self._run_of(context, row, script, limit, key=f"{context.key}:back")

    @override
    async def check(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            change = await _change(uow, context)
        if (script := _manifest(change).check_script) is not None:
            await self._run_of(context, change, script, 120)

    async def lead(self, context: StepContext) -> None:
        owner = context.text("deployment_id")
        async with self._database.write() as uow:
            change = await _change(uow, context)
            added = {(one.service, one.protocol) for one in await _reserved(uow, context)}
            await exposure.pass_on(uow, context.operation_id, owner, added)
            await self._lead(uow, context, change)
            tools = self._tools
            version = await exposure.publish(uow, tools.vault, tools.authority, owner)
        await await_edges(self._database, version, owner)

    async def lead_back(self, context: StepContext) -> None:
        owner = context.text("deployment_id")
        async with self._database.write() as uow:
            row, change = await deployment_of(uow, context), await _change(uow, context)
            added = changes.keys(_manifest(change)) - changes.keys(_manifest(row))
            await exposure.pass_on(uow, owner, context.operation_id, added)
            await self._lead(uow, context, row)

    @override
    async def probe(self, context: StepContext) -> None:
        async with self._database.read() as uow:
            wanted = changes.keys(_manifest(await _change(uow, context)))
            routes = await exposure.list_routes(uow, context.text("deployment_id"))
        shown = [one for one in routes if (one.service, one.protocol) in wanted]
        await self._reach(context, shown)

    async def turn(self, context: StepContext) -> None:
        """From here on the deployment is what was wanted, and its change what it was."""
        async with self._database.write() as uow:
            row, change = await deployment_of(uow, context), await _change(uow, context)
            if change.stage == Stage.MADE:
                return
            await changes.exchange(uow, self._tools.vault, row, change)
            change.stage, row.state = Stage.MADE, DeploymentState.LIVE
            await durable.submit(uow, tidy_plan(self._tools), _tidying(context, row))

    async def turn_back(self, context: StepContext) -> None:
        async with self._database.write() as uow:
            row, change = await deployment_of(uow, context), await _change(uow, context)
            if change.stage == Stage.MADE:
                await changes.exchange(uow, self._tools.vault, row, change)
                change.stage, row.state = Stage.APPLYING, DeploymentState.CHANGING

    async def drop_copy(self, context: StepContext) -> None:
        """Drop the copy of a change that was made; nobody turns back from here."""
        if await self._made(context) is None or await self._no_copies(context) is not None:
            return
        instance, engine = await self._copying(context)
        copy = _copy(context.text("change"))
        await engine.settle(await engine.delete_snapshot(instance.native_name, copy), COPY_SECONDS)

    async def forget(self, context: StepContext) -> None:
        deployment_id = context.text("deployment_id")
        if await self._made(context) is None:
            return
        async with self._database.write() as uow:
            row = await repository.lock(uow, deployment_id)
            change = await repository.find_change(uow, deployment_id)
            if row is None or change is None:
                return
            gone = changes.keys(_manifest(change)) - changes.keys(_manifest(row))
            await exposure.drop(uow, self._tools.vault, deployment_id, gone)
            await self._forget(uow, row, _manifest(row))

    async def _made(self, context: StepContext) -> ChangeRow | None:
        async with self._database.read() as uow:
            change = await repository.find_change(uow, context.text("deployment_id"))
        ours = change is not None and change.operation_id == context.text("change")
        return change if ours and change is not None and change.stage == Stage.MADE else None

    async def _forget(self, uow: Uow, row: DeploymentRow, kept: catalog.Manifest) -> None:
        """Give back what only the change needed."""
        change = await repository.find_change(uow, row.id)
        if change is not None:
            await exposure.release(uow, self._tools.vault, change.operation_id)
        needs = {identity.Resource.ROUTES: len(kept.services)}
        await identity.amend(uow, limit_owner(row.id), row.project_id, needs)
        await self._tools.vault.forget(uow, change_owner(row.id))
        await repository.delete_change(uow, row.id)

    async def _lead(self, uow: Uow, context: StepContext, to: DeploymentRow | ChangeRow) -> None:
        owner, manifest = context.text("deployment_id"), _manifest(to)
        instance = await instance_of(uow, context)
        routes = await exposure.list_routes(uow, owner)
        hosts = {(one.service, one.protocol): one.host for one in routes}
        await exposure.lead(uow, owner, changes.leads(manifest, dict(to.inputs), hosts, instance))

    async def _run_of(
        self,
        context: StepContext,
        version: DeploymentRow | ChangeRow,
        script: str,
        limit: int,
        *,
        key: str = "",
    ) -> None:
        deployment_id = context.text("deployment_id")
        is_change = isinstance(version, ChangeRow)
        order = scripts.Order(
            script,
            limit,
            key or context.key,
            change_owner(deployment_id) if is_change else deployment_id,
            version.package_version,
            version.package_digest,
            version.inputs,
        )
        await self._run(context, order)

    async def _restore(
        self, context: StepContext, instance: instances.Instance, engine: "Copying"
    ) -> None:
        name, copy = instance.native_name, _copy(context.operation_id)
        said = "Putting the disk back as it was; what was written since then is not on it"
        await context.emit("log", {"stream": "agent", "text": said})
        await infra.leave(self._database, instance.id, infra.Wanted.ANY)
        await self._settle(engine, await engine.stop(name, force=True))
        await engine.settle(await engine.restore_snapshot(name, copy), COPY_SECONDS)
        await self._settle(engine, await engine.start(name))
        await infra.leave(self._database, instance.id, infra.Wanted.RUNNING)
        await self._hear(context, instance, engine)

    async def _hear(
        self, context: StepContext, instance: instances.Instance, engine: EngineDriver
    ) -> None:
        """Return once the agent of a guest that was put back has answered."""
        async with self._database.write() as uow:
            job_id = await agents.ensure_task(
                uow,
                agents.TaskRequest(
                    key=f"{context.key}:hear",
                    instance_id=instance.id,
                    operation_id=context.operation_id,
                    step=context.step,
                    kind="facts",
                    arguments={},
                    limit_seconds=HEAR_SECONDS,
                ),
            )

        async def find(uow: Uow) -> agents.JobResult | None:
            return await agents.find_result(uow, job_id)

        topic, name = agents.result_topic(job_id), instance.native_name
        limit = HEAR_SECONDS * 2
        if await until_answered(self._database, engine, name, topic, find, limit) is None:
            raise StepError("The container was put back, but its agent does not call")

    async def _enter(self, context: StepContext, stage: Stage) -> None:
        async with self._database.write() as uow:
            (await _change(uow, context)).stage = stage

    async def _no_copies(self, context: StepContext) -> str | None:
        """Return why no copy can be kept, or None when one can."""
        async with self._database.read() as uow:
            instance = await instances.find(uow, context.text("instance_id"))
        if instance is None:
            return "The instance's record is gone"
        engine = await self._engine(instance)
        entry = (await engine.capabilities()).of(Ability.SNAPSHOTS)
        return None if entry.usable and isinstance(engine, Snapshots) else entry.reason

    async def _copying(self, context: StepContext) -> tuple[instances.Instance, "Copying"]:
        instance = await self._instance(context)
        engine = await self._engine(instance)
        if not isinstance(engine, Copying):
            raise StepError("This engine keeps no copies any more")
        return instance, engine


@runtime_checkable
class Copying(EngineDriver, Snapshots, Protocol):
    """An engine that keeps copies of guests' disks."""


async def _change(uow: Uow, context: StepContext) -> ChangeRow:
    found = await repository.find_change(uow, context.text("deployment_id"))
    if found is None or found.operation_id != context.operation_id:
        raise StepError("The record of this change is gone")
    return found


async def _reserved(uow: Uow, context: StepContext) -> list[exposure.Route]:
    return await exposure.list_routes(uow, context.operation_id)


def _manifest(row: DeploymentRow | ChangeRow) -> catalog.Manifest:
    return catalog.Manifest.model_validate(row.manifest)


def _copy(operation_id: str) -> str:
    return f"before-{operation_id.lower()}"


def _tidying(context: StepContext, row: DeploymentRow) -> Submission:
    return Submission(
        project_id=row.project_id,
        subject=context.subject,
        title=f"Drop what {row.name} was before its change",
        requested_by=context.text("requested_by"),
        params={
            "deployment_id": row.id,
            "instance_id": row.instance_id,
            "name": row.name,
            "change": context.operation_id,
        },
    )
