"""Use cases of deployments: accept a request in one transaction, look, ask for removal."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.core.paging import Slice
from stead.core.vault import Vault
from stead.deployments import repository, reserving, versions
from stead.deployments.errors import BusyError
from stead.deployments.models import DeploymentRow
from stead.deployments.rules import DeploymentState
from stead.deployments.schemas import (
    AcceptedOut,
    DeploymentIn,
    DeploymentOut,
    OutputOut,
    RouteOut,
    TargetOut,
)
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances
from stead.kit import clock, ids


@dataclass(frozen=True, slots=True)
class Deployments:
    """What accepting a deployment needs besides the database."""

    catalog: catalog.Catalog
    vault: Vault
    within: IPv4Network
    domain: str
    https_port: int
    tcp_ports: range
    deploy_plan: Plan
    cluster_plan: Plan
    remove_plan: Plan


async def create(
    uow: Uow, actor: Actor, deployments: Deployments, asked: DeploymentIn, key: str | None = None
) -> AcceptedOut:
    """Reserve everything and queue the operation, all in the caller's transaction."""
    project_id = await identity.project_id(uow, actor, asked.project)
    authz.require(actor, Action.DEPLOYMENT_CREATE, project_id, "project")
    fingerprint = _fingerprint(asked)
    repeated = await _repeated(uow, project_id, key, fingerprint)
    if repeated is not None:
        return repeated
    begun = Begun(project_id, actor.name, key, fingerprint)
    return await begin(uow, deployments, asked, begun)


@dataclass(frozen=True, slots=True)
class Begun:
    """For whom a deployment begins. ``reachable`` lets its neighbours in the project reach it."""

    project_id: str
    requested_by: str
    key: str | None = None
    fingerprint: str | None = None
    reachable: bool = False


async def begin(
    uow: Uow, deployments: Deployments, asked: DeploymentIn, begun: Begun
) -> AcceptedOut:
    """Do so for somebody who was let in before, in the project that they were let into."""
    project_id = begun.project_id
    package = deployments.catalog.get(asked.app, [project_id])
    inputs = catalog.validate(package.manifest, asked.inputs)
    await require_others(uow, deployments, project_id, package.manifest)
    domain = await exposure.apps_domain(uow, deployments.domain)
    name = await reserving.name(uow, project_id, asked, domain)
    size = await reserving.size(uow, package.manifest, asked.size)
    deployment_id = ids.new_id()
    await reserving.take_up(uow, project_id, deployment_id, package.manifest, size)
    target = await infra.target(uow, asked.cluster) if asked.cluster else None
    place = target.id if target is not None else None
    if package.manifest.nesting:
        where = place or await infra.local_cluster_id(uow)
        await infra.require_nesting(uow, where, package.manifest.name)
    wish = instances.Wish(name, size, begun.reachable, place)
    instance = await instances.reserve(uow, deployments.within, project_id, wish)
    await instances.take_warm(uow, instance.cluster_id, size, instance.id)
    await _keep(uow, deployments.vault, deployment_id, inputs)
    routes = reserving.routes(package.manifest, inputs, name, domain, instance)
    await exposure.reserve(uow, deployment_id, routes, deployments.tcp_ports)
    operation_id = await durable.submit(
        uow,
        deployments.cluster_plan if target and target.shared else deployments.deploy_plan,
        _submission(
            begun,
            f"Deploy {package.manifest.name} as {name}",
            deployment_id,
            {"instance_id": instance.id, "name": name, "size": size.value},
            keep=asked.keep,
        ),
    )
    uow.session.add(
        DeploymentRow(
            id=deployment_id,
            project_id=project_id,
            name=name,
            package_id=package.manifest.id,
            package_version=package.manifest.version,
            package_digest=package.digest,
            source_id=package.origin.id if package.origin else None,
            manifest=package.manifest.model_dump(mode="json"),
            inputs=dict(inputs.values),
            instance_id=instance.id,
            state=DeploymentState.DEPLOYING,
            operation_id=operation_id,
            requested_by=begun.requested_by,
            created_at=clock.utc_now(),
        )
    )
    await uow.session.flush()
    return AcceptedOut(operation_id=operation_id, deployment_id=deployment_id, name=name)


def _submission(
    begun: Begun,
    title: str,
    deployment_id: str,
    params: Mapping[str, durable.Json],
    *,
    keep: bool,
) -> Submission:
    return Submission(
        project_id=begun.project_id,
        subject=f"deployment:{deployment_id}",
        title=title,
        requested_by=begun.requested_by,
        params={"deployment_id": deployment_id, **params},
        idempotency_key=begun.key,
        request_hash=begun.fingerprint,
        keep=keep,
    )


async def remove(
    uow: Uow, actor: Actor, deployments: Deployments, deployment_id: str
) -> AcceptedOut:
    """Queue the removal; asking again while it runs returns the same operation."""
    row = await _get(uow, actor, deployment_id, Action.DEPLOYMENT_REMOVE)
    return await _remove(uow, deployments, row, actor.name)


async def begin_removal(
    uow: Uow, deployments: Deployments, deployment_id: str, requested_by: str
) -> str | None:
    """Do so for somebody who was let in before; None when there is nothing to remove."""
    row = await repository.find(uow, deployment_id)
    if row is None:
        return None
    return (await _remove(uow, deployments, row, requested_by)).operation_id


async def _remove(
    uow: Uow, deployments: Deployments, row: DeploymentRow, requested_by: str
) -> AcceptedOut:
    current = await durable.get(uow, row.operation_id)
    ended = current is None or durable.State(current.state).ended
    if not ended and row.state == DeploymentState.REMOVING:
        return AcceptedOut(operation_id=row.operation_id, deployment_id=row.id, name=row.name)
    if not ended:
        raise _busy(row, current.title if current is not None else "")
    row.operation_id = await durable.submit(
        uow,
        deployments.remove_plan,
        Submission(
            project_id=row.project_id,
            subject=f"deployment:{row.id}",
            title=f"Remove {row.name}",
            requested_by=requested_by,
            params={
                "deployment_id": row.id,
                "instance_id": row.instance_id,
                "name": row.name,
            },
        ),
    )
    row.state = DeploymentState.REMOVING
    return AcceptedOut(operation_id=row.operation_id, deployment_id=row.id, name=row.name)


def _busy(row: DeploymentRow, title: str) -> BusyError:
    if row.state == DeploymentState.DEPLOYING:
        return BusyError(
            f"{row.name} is still being deployed",
            hint="Cancel that operation first; cancelling takes everything away again",
        )
    return BusyError(
        f"{row.name} is busy: {title}", hint="Wait until that operation has ended, or cancel it"
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A deployment, for those who only point to it."""

    id: str
    name: str


async def find_by_instance(uow: Uow, instance_id: str) -> Named | None:
    """Return whose guest this is. The caller may know of every deployment."""
    row = await repository.find_by_instance(uow, instance_id)
    return Named(row.id, row.name) if row is not None else None


async def list_(
    uow: Uow, actor: Actor, deployments: Deployments, wanted: Slice | None = None
) -> list[DeploymentOut]:
    allowed = authz.where_allowed(actor, Action.DEPLOYMENT_READ)
    rows = await repository.list_(uow, allowed, wanted)
    return [await _out(uow, deployments, row) for row in rows]


async def list_targets(uow: Uow, actor: Actor) -> list[TargetOut]:
    """Return the clusters to which one may deploy, the one that is taken by itself first."""
    authz.enter(actor, Action.DEPLOYMENT_CREATE)
    found = await infra.targets(uow)
    return [
        TargetOut(name=one.name, engine=one.engine, shared=one.shared, default=not one.shared)
        for one in found
    ]


async def find_project_id(uow: Uow, deployment_id: str) -> str | None:
    """Return whose a deployment is, whoever asks."""
    row = await repository.find(uow, deployment_id)
    return row.project_id if row is not None else None


async def get_(
    uow: Uow, actor: Actor, deployments: Deployments, deployment_id: str
) -> DeploymentOut:
    row = await _get(uow, actor, deployment_id, Action.DEPLOYMENT_READ)
    return await _out(uow, deployments, row)


async def reveal(
    uow: Uow, actor: Actor, deployments: Deployments, deployment_id: str
) -> list[OutputOut]:
    """Return the outputs with their secrets."""
    row = await _get(uow, actor, deployment_id, Action.DEPLOYMENT_REVEAL)
    return await _outputs(uow, deployments, row, revealed=True)


async def _keep(uow: Uow, vault: Vault, deployment_id: str, inputs: catalog.Inputs) -> None:
    for name, secret in inputs.secrets.items():
        await vault.put(uow, deployment_id, name, secret)


async def _get(uow: Uow, actor: Actor, deployment_id: str, asked: Action) -> DeploymentRow:
    row = await repository.find(uow, deployment_id)
    if row is None:
        raise authz.NotFoundError("There is no such deployment, or it is not yours")
    authz.require(actor, asked, row.project_id, "deployment")
    return row


async def require_others(
    uow: Uow, deployments: Deployments, project_id: str, manifest: catalog.Manifest
) -> None:
    """Refuse an app while the project lacks what it needs, or has what it does not go with."""
    present = await repository.live_versions(uow, project_id)
    offered = deployments.catalog.offered([project_id])
    *before, _ = catalog.plan(offered, [manifest.id], present)
    if before:
        raise catalog.UnmetError(
            f"{manifest.name} needs {', '.join(before)} in the same project",
            hint=f"Deploy that first: stead deploy {before[0]}",
        )


async def _repeated(
    uow: Uow, project_id: str, key: str | None, fingerprint: str
) -> AcceptedOut | None:
    if key is None:
        return None
    operation_id = await durable.find_repeat(uow, project_id, key, fingerprint)
    return await _accepted(uow, operation_id) if operation_id is not None else None


async def _accepted(uow: Uow, operation_id: str) -> AcceptedOut:
    operation = await durable.get(uow, operation_id)
    params = operation.params if operation is not None else {}
    return AcceptedOut(
        operation_id=operation_id,
        deployment_id=str(params.get("deployment_id", "")),
        name=str(params.get("name", "")),
    )


async def _out(uow: Uow, deployments: Deployments, row: DeploymentRow) -> DeploymentOut:
    instance = await instances.find(uow, row.instance_id)
    return DeploymentOut(
        id=row.id,
        name=row.name,
        app=row.package_id,
        app_name=str(row.manifest.get("name", row.package_id)),
        version=row.package_version,
        project_id=row.project_id,
        state=row.state,
        operation_id=row.operation_id,
        instance_id=row.instance_id,
        cluster=await infra.name_of(uow, instance.cluster_id) if instance is not None else None,
        address=str(instance.ip) if instance is not None else None,
        cores=instance.cores if instance is not None else None,
        memory_mb=instance.memory_mb if instance is not None else None,
        disk_gb=instance.disk_gb if instance is not None else None,
        routes=[_route(deployments, route) for route in await exposure.list_routes(uow, row.id)],
        outputs=await _outputs(uow, deployments, row, revealed=False),
        inputs=dict(row.inputs),
        requested_by=row.requested_by,
        created_at=row.created_at,
        live_at=row.live_at,
        update=versions.update(deployments.catalog, row),
        pending=await versions.pending(uow, row),
    )


def _route(deployments: Deployments, route: exposure.Route) -> RouteOut:
    return RouteOut(
        service=route.service,
        protocol=route.protocol,
        host=route.host,
        port=route.port,
        url=url_of(route, deployments.https_port),
    )


def url_of(route: exposure.Route, https_port: int) -> str:
    """Return the address to give to people."""
    if route.port is not None:
        return f"{route.host}:{route.port}"
    port = "" if https_port == 443 else f":{https_port}"  # noqa: PLR2004  (HTTPS's own port)
    return f"https://{route.host}{port}/"


async def _outputs(
    uow: Uow, deployments: Deployments, row: DeploymentRow, *, revealed: bool
) -> list[OutputOut]:
    manifest = catalog.Manifest.model_validate(row.manifest)
    where = await whereabouts(uow, deployments, row, manifest)
    if where is None:
        return []
    secrets = await deployments.vault.all_of(uow, row.id)
    outputs = catalog.render_outputs(manifest, row.inputs, secrets, *where)
    return [
        OutputOut(
            name=output.name,
            label=output.label,
            sensitive=output.sensitive,
            value=_shown(output, revealed=revealed),
        )
        for output in outputs
    ]


async def whereabouts(
    uow: Uow, deployments: Deployments, row: DeploymentRow, manifest: catalog.Manifest
) -> tuple[str, int, str] | None:
    """Return host, port and URL of the main service: its route, or its place in the project."""
    routes = await exposure.list_routes(uow, row.id)
    if routes:
        main = routes[0]
        url = url_of(main, deployments.https_port)
        return main.host, main.port or deployments.https_port, url
    instance = await instances.find(uow, row.instance_id)
    if instance is None or manifest.public_services or not manifest.services:
        return None
    port = manifest.service_port(manifest.services[0], row.inputs)
    return str(instance.ip), port, f"{instance.ip}:{port}"


def _shown(output: catalog.Output, *, revealed: bool) -> str | None:
    if isinstance(output.value, str):
        return output.value
    return output.value.reveal() if revealed else None


def _fingerprint(asked: DeploymentIn) -> str:
    text = json.dumps(asked.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
