"""Use cases of the fleet: who has an agent, and how it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from stead.agents import public as agents
from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.fleet import repository
from stead.fleet.errors import NoAgentError
from stead.fleet.schemas import JobOut, LimitsIn, LimitsOut, MachineKind, MachineOut, WorkOut
from stead.identity import public as identity
from stead.instances import public as instances


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance or a server: what jobs are given to."""

    id: str
    name: str
    kind: MachineKind
    project_id: str
    address: str | None


async def list_(uow: Uow, actor: Actor) -> list[MachineOut]:
    """Return what the actor may see of the fleet, by name."""
    allowed = authz.where_allowed(actor, Action.AGENT_READ)
    machines = await list_machines(uow, allowed)
    seen = await agents.list_sightings(uow, [one.id for one in machines])
    names = {one.id: one.name for one in await identity.list_projects(uow, actor, archived=True)}
    return [_out(one, seen.get(one.id), names) for one in machines]


async def get_(uow: Uow, actor: Actor, machine_id: str) -> MachineOut:
    """Return one of them. Raises NotFoundError."""
    machine = await get_machine(uow, actor, machine_id, Action.AGENT_READ)
    seen = await agents.list_sightings(uow, [machine.id])
    project = await identity.find_project_name(uow, machine.project_id)
    return _out(machine, seen.get(machine.id), {machine.project_id: project})


async def set_limits(uow: Uow, actor: Actor, machine_id: str, asked: LimitsIn) -> MachineOut:
    """Say how many jobs an agent may run at once. Raises NotFoundError, ForbiddenError."""
    machine = await get_machine(uow, actor, machine_id, Action.JOB_ADMINISTER)
    seen = (await agents.list_sightings(uow, [machine.id])).get(machine.id)
    if seen is None:
        raise NoAgentError(f"{machine.name} has no agent yet")
    chosen = agents.Limits(
        asked.changing or seen.limits.changing, asked.quick or seen.limits.quick
    )
    await agents.set_limits(uow, machine.id, chosen)
    return await get_(uow, actor, machine_id)


async def list_jobs(
    uow: Uow, actor: Actor, machine: str | None, wanted: agents.JobsWanted
) -> list[JobOut]:
    """Return jobs that the actor may see, of one machine (by name or id) or of all."""
    known = await list_machines(uow, authz.where_allowed(actor, Action.AGENT_READ))
    chosen = {one.id: one.name for one in known if machine in (None, one.id, one.name)}
    found = await agents.list_jobs(uow, list(chosen), wanted)
    return [
        JobOut(
            id=one.id,
            machine_id=one.instance_id,
            machine=chosen[one.instance_id],
            operation_id=one.operation_id,
            what=one.what,
            kind=one.kind,
            app=one.app,
            state=one.state,
            outcome=one.outcome,
            exit_code=one.exit_code,
            reason=one.reason,
            requested_by=one.requested_by,
            attempt=one.attempt,
            created_at=one.created_at,
            finished_at=one.finished_at,
        )
        for one in found
    ]


async def get_machine(uow: Uow, actor: Actor, machine_id: str, asked: Action) -> Machine:
    """Return a machine on which the actor may do this. Raises NotFoundError, ForbiddenError."""
    machine = await find_machine(uow, machine_id)
    if machine is None:
        raise authz.NotFoundError("There is no such machine, or it is not yours")
    authz.require(actor, asked, machine.project_id, "machine")
    return machine


async def find_machine(uow: Uow, machine_id: str) -> Machine | None:
    """Return an instance or a server by its id, whoever asks."""
    server = await repository.find_server(uow, machine_id)
    if server is not None:
        return Machine(server.id, server.name, MachineKind.SERVER, server.project_id, None)
    instance = await instances.find(uow, machine_id)
    return _of_instance(instance) if instance is not None else None


async def list_machines(uow: Uow, allowed: frozenset[str] | None) -> list[Machine]:
    """Return the machines of these projects, or of all, by name."""
    servers = [
        Machine(row.id, row.name, MachineKind.SERVER, row.project_id, None)
        for row in await repository.list_servers(uow, allowed)
    ]
    guests = [_of_instance(one) for one in await instances.list_(uow, allowed)]
    return sorted(servers + guests, key=lambda one: (one.name, one.id))


def _of_instance(one: instances.Instance) -> Machine:
    return Machine(one.id, one.name, MachineKind.INSTANCE, one.project_id, str(one.ip))


def _out(
    machine: Machine, seen: agents.Sighting | None, projects: Mapping[str, str]
) -> MachineOut:
    facts = seen.facts if seen is not None else {}
    jobs = [_work(one) for one in seen.running] if seen is not None else []
    return MachineOut(
        id=machine.id,
        name=machine.name,
        kind=machine.kind,
        project_id=machine.project_id,
        project=projects.get(machine.project_id, ""),
        address=machine.address,
        health=seen.health if seen is not None else agents.Health.NEVER,
        version=seen.version if seen is not None else None,
        outdated=seen is not None and seen.outdated,
        system=f"{facts.get('os', '')} {facts.get('os_version', '')}".strip(),
        seen_at=seen.seen_at if seen is not None else None,
        enrolled_at=seen.enrolled_at if seen is not None else None,
        load=seen.load if seen is not None else None,
        running=jobs[0] if jobs else None,
        jobs=jobs,
        waiting=seen.waiting if seen is not None else 0,
        limits=LimitsOut(changing=seen.limits.changing, quick=seen.limits.quick)
        if seen is not None
        else None,
        transport=seen.transport if seen is not None else None,
    )


def _work(one: agents.Work) -> WorkOut:
    return WorkOut(
        job_id=one.job_id, operation_id=one.operation_id, what=one.what, since=one.since
    )
