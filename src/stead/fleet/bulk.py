"""Use cases of work on many machines: ask for it, look, try again where it failed."""

from collections import Counter
from collections.abc import Sequence

from pydantic import ValidationError

from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import State, Submission
from stead.fleet import admission, installs, repository, rules, service, tasks
from stead.fleet.errors import BusyError, InvalidError
from stead.fleet.models import BulkRow, TargetRow
from stead.fleet.rules import TargetState
from stead.fleet.schemas import BulkDetailOut, BulkIn, BulkOut, PackageIn, TargetOut, TaskIn
from stead.fleet.service import Machine
from stead.fleet.tasks import Fleet
from stead.identity import public as identity
from stead.kit import clock, ids
from stead.kit.secrets import Secret

_WORK = "work"


async def start(uow: Uow, actor: Actor, fleet: Fleet, asked: BulkIn) -> BulkOut:
    """Check everything that can be checked, and queue the work."""
    project_id = await identity.project_id(uow, actor, asked.project)
    authz.require(actor, _action(asked), project_id, "project")
    title = _checked(fleet, asked, project_id)
    if asked.install is not None:
        await admission.require_allowed(uow, asked.install.app)
    machines = await _chosen(uow, project_id, asked.machines)
    row = BulkRow(
        id=ids.new_id(),
        project_id=project_id,
        title=f"{title[:120]} on {len(machines)} machine{'s' if len(machines) > 1 else ''}",
        work={"kind": "install" if asked.install is not None else "task"},
        concurrency=asked.concurrency,
        canaries=min(asked.canaries, len(machines) - 1),
        accepted_failures=asked.accepted_failures,
        requested_by=actor.name,
        created_at=clock.utc_now(),
    )
    # Inputs and contents may be secret, so all that was asked for is kept like one.
    work = (asked.install or asked.task or TaskIn(kind="")).model_dump_json()
    await fleet.vault.put(uow, row.id, _WORK, Secret(work))
    row.operation_id = await _submit(uow, fleet, row)
    uow.session.add(row)
    await uow.session.flush()
    uow.session.add_all(
        TargetRow(
            bulk_id=row.id,
            position=position,
            machine_id=machine.id,
            name=machine.name,
            state=TargetState.PENDING,
            operation_id=None,
            reason="",
        )
        for position, machine in enumerate(machines)
    )
    await uow.session.flush()
    return await _out(uow, row)


async def begin_target(uow: Uow, fleet: Fleet, row: BulkRow, target: TargetRow) -> str:
    """Submit the operation of one machine; return its id. Raises SteadError if it cannot be."""
    machine = await service.find_machine(uow, target.machine_id)
    if machine is None or machine.project_id != row.project_id:
        raise authz.NotFoundError("The machine is gone")
    work = await fleet.vault.find(uow, row.id, _WORK)
    if work is None:
        raise InvalidError("What was asked for is not known any more")
    if row.work.get("kind") == "install":
        wanted = PackageIn.model_validate_json(work.reveal())
        return await installs.begin(
            uow, fleet, machine, wanted.app, wanted.inputs, row.requested_by
        )
    task = tasks.check(TaskIn.model_validate_json(work.reveal()))
    return await tasks.begin(uow, fleet, machine, task, row.requested_by)


async def retry(uow: Uow, actor: Actor, fleet: Fleet, bulk_id: str) -> BulkOut:
    """Begin anew with the machines that are not done. Raises BusyError, InvalidError."""
    row = await _get(uow, actor, bulk_id, Action.AGENT_READ)
    authz.require(actor, await _action_of(uow, fleet, row), row.project_id, "bulk operation")
    current = await durable.get(uow, row.operation_id)
    if current is not None and not State(current.state).ended:
        raise BusyError("This is still going on", hint="Wait for its end, or cancel it")
    left = [t for t in await repository.list_targets(uow, row.id) if t.state != TargetState.DONE]
    if not left:
        raise InvalidError("It is done on every machine")
    for target in left:
        target.state, target.operation_id, target.reason = TargetState.PENDING, None, ""
    row.operation_id = await _submit(uow, fleet, row)
    return await _out(uow, row)


async def list_(uow: Uow, actor: Actor, limit: int = 50) -> list[BulkOut]:
    """Return the latest that the actor may see, newest first."""
    allowed = authz.where_allowed(actor, Action.AGENT_READ)
    return [await _out(uow, row) for row in await repository.list_bulks(uow, allowed, limit)]


async def get_(uow: Uow, actor: Actor, bulk_id: str) -> BulkDetailOut:
    """Return one with all its machines. Raises NotFoundError."""
    row = await _get(uow, actor, bulk_id, Action.AGENT_READ)
    shown = await _out(uow, row)
    targets = await repository.list_targets(uow, row.id)
    return BulkDetailOut(
        **shown.model_dump(),
        targets=[
            TargetOut(
                machine_id=one.machine_id,
                name=one.name,
                state=one.state,
                operation_id=one.operation_id,
                reason=one.reason,
            )
            for one in targets
        ],
    )


async def _get(uow: Uow, actor: Actor, bulk_id: str, asked: Action) -> BulkRow:
    row = await repository.find_bulk(uow, bulk_id)
    if row is None:
        raise authz.NotFoundError("There is no such bulk operation, or it is not yours")
    authz.require(actor, asked, row.project_id, "bulk operation")
    return row


def _action(asked: BulkIn) -> Action:
    if asked.task is None:
        return Action.JOB_RUN
    return rules.action_for(asked.task.kind, asked.task.arguments)


async def _action_of(uow: Uow, fleet: Fleet, row: BulkRow) -> Action:
    work = await fleet.vault.find(uow, row.id, _WORK)
    if work is None or row.work.get("kind") == "install":
        return Action.JOB_RUN
    try:
        task = TaskIn.model_validate_json(work.reveal())
    except ValidationError:
        return Action.JOB_ADMINISTER
    return rules.action_for(task.kind, task.arguments)


def _checked(fleet: Fleet, asked: BulkIn, project_id: str) -> str:
    """Return what it does in a few words. Raises InvalidError and what the catalog raises."""
    if (asked.task is None) == (asked.install is None):
        raise InvalidError(
            "Ask for either a job or an installation",
            fields={"task": "One of task and install has to be there"},
        )
    if asked.task is not None:
        return tasks.check(asked.task).title
    wanted = asked.install or PackageIn(app="")
    package = fleet.catalog.get(wanted.app, [project_id])
    catalog.validate(package.manifest, wanted.inputs)
    return f"Install {package.manifest.name}"


async def _chosen(uow: Uow, project_id: str, names: Sequence[str]) -> list[Machine]:
    """Return the machines of these names or ids, each once. Raises InvalidError."""
    known = await service.list_machines(uow, frozenset({project_id}))
    by_id = {one.id: one for one in known}
    named: dict[str, list[Machine]] = {}
    for one in known:
        named.setdefault(one.name, []).append(one)
    chosen: dict[str, Machine] = {}
    for name in names:
        found = [by_id[name]] if name in by_id else named.get(name, [])
        if len(found) != 1:
            text = (
                f"There are several machines named {name}; use an id"
                if found
                else (f"The project has no machine {name}")
            )
            raise InvalidError(text, fields={"machines": text})
        chosen[found[0].id] = found[0]
    return list(chosen.values())


async def _submit(uow: Uow, fleet: Fleet, row: BulkRow) -> str:
    return await durable.submit(
        uow,
        fleet.bulk_plan,
        Submission(
            project_id=row.project_id,
            subject=f"bulk:{row.id}",
            title=row.title,
            requested_by=row.requested_by,
            params={"bulk_id": row.id},
        ),
    )


async def _out(uow: Uow, row: BulkRow) -> BulkOut:
    operation = await durable.get(uow, row.operation_id)
    targets = await repository.list_targets(uow, row.id)
    counts: dict[str, int] = dict.fromkeys((str(one) for one in TargetState), 0)
    counts.update(Counter(one.state for one in targets))
    return BulkOut(
        id=row.id,
        title=row.title,
        project_id=row.project_id,
        operation_id=row.operation_id,
        state=operation.state if operation is not None else "",
        concurrency=row.concurrency,
        canaries=row.canaries,
        accepted_failures=row.accepted_failures,
        counts=counts,
        requested_by=row.requested_by,
        created_at=row.created_at,
    )
