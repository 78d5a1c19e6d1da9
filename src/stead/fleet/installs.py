"""Use cases of packages on machines that were not made for them."""

from collections.abc import Mapping

from pydantic import JsonValue

from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import State, Submission
from stead.deployments import public as deployments
from stead.fleet import admission, repository, service
from stead.fleet.errors import BusyError, NoRemovalError
from stead.fleet.models import InstallationRow
from stead.fleet.schemas import BeganOut, InstallationOut, PackageIn
from stead.fleet.service import Machine
from stead.fleet.tasks import Fleet
from stead.kit import clock, ids
from stead.sources.public import UseOut


async def install(
    uow: Uow, actor: Actor, fleet: Fleet, machine_id: str, asked: PackageIn
) -> BeganOut:
    """Queue an installation, or one again with other inputs or another version."""
    machine = await service.get_machine(uow, actor, machine_id, Action.JOB_RUN)
    operation_id = await begin(uow, fleet, machine, asked.app, asked.inputs, actor.name)
    return BeganOut(operation_id=operation_id)


async def begin(
    uow: Uow,
    fleet: Fleet,
    machine: Machine,
    app: str,
    inputs: Mapping[str, JsonValue],
    requested_by: str,
) -> str:
    """Check the inputs and submit the operation; return its id."""
    package = fleet.catalog.get(app, [machine.project_id])
    checked = catalog.validate(package.manifest, inputs)
    await admission.require(uow, fleet.catalog, machine, package.manifest)
    row = await repository.find_installed(uow, machine.id, app)
    added = False
    if row is None:
        row = InstallationRow(id=ids.new_id(), machine_id=machine.id, package_id=app)
        row.project_id = machine.project_id
        row.created_at, row.installed_at = clock.utc_now(), None
        added = True
    else:
        await _require_idle(uow, row, machine)
    row.package_version = package.manifest.version
    row.package_digest = package.digest
    row.source_id = package.origin.id if package.origin else None
    row.manifest = package.manifest.model_dump(mode="json")
    row.inputs = dict(checked.values)
    row.requested_by = requested_by
    row.state = "installing"
    # A password that was made before stays, unless another one is given.
    known = await fleet.vault.all_of(uow, row.id)
    for name, secret in checked.secrets.items():
        if name not in known or inputs.get(name) not in (None, ""):
            await fleet.vault.put(uow, row.id, name, secret)
    title = f"Install {package.manifest.name} on {machine.name}"
    row.operation_id = await durable.submit(
        uow, fleet.install_plan, _submission(row, machine, title)
    )
    if added:
        uow.session.add(row)
    await uow.session.flush()
    return row.operation_id


async def uninstall(
    uow: Uow, actor: Actor, fleet: Fleet, place: tuple[str, str], *, forget: bool = False
) -> BeganOut:
    """Queue the package's own removal, and forget it when that has ended well.

    ``place`` is the machine's id and the app. One without a removal of its own stays on the
    machine, so that it is forgotten only for those who say so. Raises NoRemovalError.
    """
    machine_id, app = place
    machine = await service.get_machine(uow, actor, machine_id, Action.JOB_RUN)
    row = await repository.find_installed(uow, machine.id, app)
    if row is None:
        raise authz.NotFoundError("There is no such package on this machine")
    if row.manifest.get("uninstall_script") is None and not forget:
        raise NoRemovalError(
            f"{row.manifest.get('name', app)} cannot be removed: the package has no removal",
            hint="Remove it by hand and have it forgotten:"
            f" stead job uninstall {machine.name} {app} --forget",
        )
    await _require_idle(uow, row, machine)
    row.state = "removing"
    title = f"Remove {row.manifest.get('name', app)} from {machine.name}"
    row.operation_id = await durable.submit(
        uow, fleet.uninstall_plan, _submission(row, machine, title)
    )
    return BeganOut(operation_id=row.operation_id)


async def list_(uow: Uow, actor: Actor, machine_id: str) -> list[InstallationOut]:
    """Return the packages on a machine, what its deployment installed first."""
    machine = await service.get_machine(uow, actor, machine_id, Action.AGENT_READ)
    found = await deployments.find_package_on(uow, machine.id)
    own = (
        [
            InstallationOut(
                id=found.id,
                app=found.package_id,
                version=found.package_version,
                digest=found.package_digest,
                state=found.state,
                operation_id=found.operation_id,
                requested_by=found.requested_by,
                created_at=found.created_at,
                deployment=True,
            )
        ]
        if found is not None
        else []
    )
    return own + [
        InstallationOut(
            id=row.id,
            app=row.package_id,
            version=row.package_version,
            digest=row.package_digest,
            state=row.state,
            operation_id=row.operation_id,
            requested_by=row.requested_by,
            created_at=row.created_at,
            deployment=False,
        )
        for row in await repository.list_installations(uow, machine.id)
    ]


async def list_uses(uow: Uow, source_id: str) -> list[UseOut]:
    """Return the packages on machines that came from a source. The caller has checked who asks."""
    return [
        UseOut(
            what=f"{row.package_id} on {await _machine_name(uow, row.machine_id)}",
            project_id=row.project_id,
            package=row.package_id,
            version=row.package_version,
        )
        for row in await repository.of_source(uow, source_id)
    ]


async def _machine_name(uow: Uow, machine_id: str) -> str:
    machine = await service.find_machine(uow, machine_id)
    return machine.name if machine is not None else "a machine that is gone"


def _submission(row: InstallationRow, machine: Machine, title: str) -> Submission:
    return Submission(
        project_id=machine.project_id,
        subject=f"machine:{machine.id}",
        title=title,
        requested_by=row.requested_by,
        params={
            "machine_id": machine.id,
            "installation_id": row.id,
            "requested_by": row.requested_by,
        },
    )


async def _require_idle(uow: Uow, row: InstallationRow, machine: Machine) -> None:
    current = await durable.get(uow, row.operation_id)
    if current is not None and not State(current.state).ended:
        raise BusyError(f"{row.package_id} is being worked on on {machine.name}")
