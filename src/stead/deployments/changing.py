"""Use case: accept a change of a live deployment, in one transaction, or refuse all of it."""

from dataclasses import dataclass

from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Submission
from stead.deployments import changes, governance, repository, reserving, rules, versions
from stead.deployments.changes import Changes
from stead.deployments.errors import BusyError, InvalidRequestError, NotInPlaceError
from stead.deployments.models import ChangeRow, DeploymentRow
from stead.deployments.rules import DeploymentState, Stage, change_owner, limit_owner
from stead.deployments.schemas import AcceptedOut, ChangeIn, DeploymentOut
from stead.deployments.service import Deployments, get_, require_others
from stead.deployments.versions import Version
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances


@dataclass(frozen=True, slots=True)
class Tools:
    """What accepting a change needs besides the database."""

    deployments: Deployments
    plans: Changes


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A version with checked inputs."""

    version: Version
    inputs: catalog.Inputs


async def change(
    uow: Uow, actor: Actor, tools: Tools, deployment_id: str, asked: ChangeIn
) -> AcceptedOut:
    """Queue the change; asking for the same again while it runs returns the same operation."""
    deployments = tools.deployments
    row = await repository.lock(uow, deployment_id)
    if row is None:
        raise authz.NotFoundError("There is no such deployment, or it is not yours")
    authz.require(actor, Action.DEPLOYMENT_CHANGE, row.project_id, "deployment")
    if asked.version is None and not asked.inputs:
        raise InvalidRequestError("Nothing was named that could be changed")
    if await _repeats(uow, deployments, row, asked):
        return AcceptedOut(operation_id=row.operation_id, deployment_id=row.id, name=row.name)
    await _require_rest(uow, row)
    wanted = await _wanted(uow, deployments, row, row, asked)
    if await _is(uow, deployments, row.id, row, wanted):
        raise InvalidRequestError(
            "Nothing would change: it is like this already",
            hint="Say another version, or other inputs",
        )
    instance = await _instance(uow, row)
    if wanted.version.digest != row.package_digest:
        await _require_allowed(uow, deployments, row, wanted.version.manifest, instance)
    return await _submit(uow, actor, tools, row, wanted, instance)


async def preview(
    uow: Uow, actor: Actor, deployments: Deployments, deployment_id: str, version: str | None
) -> tuple[catalog.Manifest, DeploymentOut]:
    """Return what a version asks for, and what the deployment is now."""
    row = await repository.find(uow, deployment_id)
    if row is None:
        raise authz.NotFoundError("There is no such deployment, or it is not yours")
    authz.require(actor, Action.DEPLOYMENT_CHANGE, row.project_id, "deployment")
    await _require_rest(uow, row)
    chosen = versions.choose(deployments.catalog, row, row, version)
    return chosen.manifest, await get_(uow, actor, deployments, deployment_id)


async def _repeats(
    uow: Uow, deployments: Deployments, row: DeploymentRow, asked: ChangeIn
) -> bool:
    """Tell whether just this is on its way."""
    pending = await repository.find_change(uow, row.id)
    at_it = pending is not None and pending.operation_id == row.operation_id
    if pending is None or not at_it or row.state != DeploymentState.CHANGING:
        return False
    if await _running(uow, row) is None:
        return False
    try:
        wanted = await _wanted(uow, deployments, row, pending, asked)
    except (InvalidRequestError, catalog.InvalidInputsError):
        return False
    return await _is(uow, deployments, change_owner(row.id), pending, wanted)


async def _running(uow: Uow, row: DeploymentRow) -> durable.OperationRow | None:
    current = await durable.get(uow, row.operation_id)
    return None if current is None or durable.State(current.state).ended else current


async def _require_rest(uow: Uow, row: DeploymentRow) -> None:
    """Pass when nothing is being done with a deployment, and it is live."""
    current = await _running(uow, row)
    if current is not None:
        raise BusyError(
            f"{row.name} is busy: {current.title}",
            hint="Wait until that operation has ended, or cancel it",
        )
    if row.state != DeploymentState.LIVE:
        raise NotInPlaceError(
            f"{row.name} is not live, so it cannot be changed",
            hint="Look at its last operation, and bring that to an end",
        )


async def _wanted(
    uow: Uow,
    deployments: Deployments,
    row: DeploymentRow,
    base: DeploymentRow | ChangeRow,
    asked: ChangeIn,
) -> _Wanted:
    """Return what is meant: what is not mentioned stays as the base has it."""
    version = versions.choose(deployments.catalog, row, base, asked.version)
    owner = row.id if base is row else change_owner(row.id)
    secrets = await deployments.vault.all_of(uow, owner)
    answers = versions.carried(version.manifest, base.inputs, secrets)
    for name, value in asked.inputs.items():
        one = version.manifest.input(name)
        # An empty password is one that was not typed again.
        if not (value == "" and one is not None and one.is_secret):
            answers[name] = value
    return _Wanted(version, catalog.validate(version.manifest, answers))


async def _is(
    uow: Uow,
    deployments: Deployments,
    owner: str,
    version: DeploymentRow | ChangeRow,
    wanted: _Wanted,
) -> bool:
    """Tell whether this is what is wanted, secrets and all."""
    there = await deployments.vault.all_of(uow, owner)
    return (
        version.package_digest == wanted.version.digest
        and version.inputs == wanted.inputs.values
        and there == wanted.inputs.secrets
    )


async def _instance(uow: Uow, row: DeploymentRow) -> instances.Instance:
    found = await instances.find(uow, row.instance_id)
    if found is None:
        raise NotInPlaceError(f"The record of {row.name}'s instance is gone")
    return found


async def _require_allowed(
    uow: Uow,
    deployments: Deployments,
    row: DeploymentRow,
    manifest: catalog.Manifest,
    instance: instances.Instance,
) -> None:
    """Refuse a version that the platform, the project or the guest does not take."""
    refused = governance.refusal(await governance.allowed(uow), manifest)
    if refused is not None:
        raise refused
    await require_others(uow, deployments, row.project_id, manifest)
    needs = manifest.resource_requirements
    shape = instances.Shape(instance.cores, instance.memory_mb, instance.disk_gb)
    demands = (needs.min_ram_mb, needs.min_disk_mb, needs.min_cores)
    if not rules.holds(shape, *demands):
        raise InvalidRequestError(
            f"{manifest.version} needs at least {needs.min_ram_mb} MB of memory, "
            f"{needs.min_disk_mb} MB of disk and {needs.min_cores} cores",
            fields={"version": "The deployment is too small for it"},
            hint="Deploy it anew in a larger size",
        )
    if manifest.nesting and not catalog.Manifest.model_validate(row.manifest).nesting:
        await infra.require_nesting(uow, instance.cluster_id, manifest.name)
        raise InvalidRequestError(
            f"{manifest.version} runs containers of its own, for which the guest was not made",
            fields={"version": "It takes a guest that was made for it"},
            hint="Deploy it anew",
        )


async def _submit(
    uow: Uow,
    actor: Actor,
    tools: Tools,
    row: DeploymentRow,
    wanted: _Wanted,
    instance: instances.Instance,
) -> AcceptedOut:
    deployments = tools.deployments
    version, before = wanted.version, versions.stored(row)
    services = max(len(version.manifest.services), len(before.manifest.services))
    needs = {identity.Resource.ROUTES: services}
    await identity.amend(uow, limit_owner(row.id), row.project_id, needs)
    upgraded = version.manifest.version != row.package_version
    operation_id = await durable.submit(
        uow,
        tools.plans.change_plan,
        Submission(
            project_id=row.project_id,
            subject=f"deployment:{row.id}",
            title=f"Upgrade {row.name} to {version.manifest.version}"
            if upgraded
            else f"Change {row.name}",
            requested_by=actor.name,
            params={
                "deployment_id": row.id,
                "instance_id": row.instance_id,
                "name": row.name,
                "requested_by": actor.name,
                "from": row.package_version,
                "to": version.manifest.version,
            },
        ),
    )
    await _reserve(uow, deployments, operation_id, row, wanted, instance)
    await _keep(uow, deployments, operation_id, row, wanted)
    row.operation_id, row.state = operation_id, DeploymentState.CHANGING
    await uow.session.flush()
    return AcceptedOut(operation_id=operation_id, deployment_id=row.id, name=row.name)


async def _reserve(
    uow: Uow,
    deployments: Deployments,
    operation_id: str,
    row: DeploymentRow,
    wanted: _Wanted,
    instance: instances.Instance,
) -> None:
    """Take names and ports of services that are new, under the operation's own name."""
    manifest = wanted.version.manifest
    added = changes.keys(manifest) - changes.keys(versions.stored(row).manifest)
    if not added:
        return
    domain = await exposure.apps_domain(uow, deployments.domain)
    taken = {one.host for one in await exposure.list_routes(uow, row.id)}
    asked = reserving.routes(manifest, wanted.inputs, row.name, domain, instance)
    requests = [
        reserving.beside(one, row.name, domain, taken)
        for one in asked
        if (one.service, one.protocol) in added
    ]
    await exposure.reserve(uow, operation_id, requests, deployments.tcp_ports)


async def _keep(
    uow: Uow, deployments: Deployments, operation_id: str, row: DeploymentRow, wanted: _Wanted
) -> None:
    """Write down what is wanted beside what is, in place of what an earlier change left."""
    earlier = await repository.find_change(uow, row.id)
    if earlier is not None:
        await uow.session.delete(earlier)
        await uow.session.flush()
    owner = change_owner(row.id)
    await deployments.vault.forget(uow, owner)
    for name, secret in wanted.inputs.secrets.items():
        await deployments.vault.put(uow, owner, name, secret)
    uow.session.add(
        ChangeRow(
            deployment_id=row.id,
            operation_id=operation_id,
            stage=Stage.WANTED,
            package_version=wanted.version.manifest.version,
            package_digest=wanted.version.digest,
            source_id=wanted.version.source_id,
            manifest=wanted.version.manifest.model_dump(mode="json"),
            inputs=dict(wanted.inputs.values),
        )
    )
