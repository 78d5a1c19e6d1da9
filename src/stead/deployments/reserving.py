"""What a request for a deployment takes up in its project: name, size, limits, routes."""

from dataclasses import replace
from typing import Final

from stead.catalog import public as catalog
from stead.core.db import Uow
from stead.deployments import governance, repository, rules
from stead.deployments.errors import InvalidRequestError
from stead.deployments.schemas import DeploymentIn
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.instances import public as instances
from stead.kit.text import is_name

_LABEL_LENGTH: Final = 63


async def take_up(
    uow: Uow, project_id: str, deployment_id: str, manifest: catalog.Manifest, size: instances.Size
) -> None:
    """Take up what the project's limits have left, before anything else is reserved."""
    shape = instances.SHAPES[size]
    needs = {
        identity.Resource.INSTANCES: 1,
        identity.Resource.CORES: shape.cores,
        identity.Resource.MEMORY: shape.memory_mb,
        identity.Resource.DISK: shape.disk_gb,
        identity.Resource.ADDRESSES: 1,
        identity.Resource.ROUTES: len(manifest.services),
    }
    await identity.reserve(uow, rules.limit_owner(deployment_id), project_id, needs)


async def name(uow: Uow, project_id: str, asked: DeploymentIn, domain: str) -> str:
    """Return the name that is asked for, or one that is free. Raises InvalidRequestError."""
    if asked.name is None or not asked.name:
        hosts = await exposure.list_hosts(uow, asked.app)
        taken = {host.removesuffix(f".{domain}") for host in hosts}
        return rules.free_name(asked.app, taken | await repository.names(uow, project_id))
    if not is_name(asked.name):
        raise InvalidRequestError(
            "The name does not fit",
            fields={
                "name": "Up to 40 lower-case letters, digits and hyphens, beginning with a letter"
            },
        )
    return asked.name


async def size(
    uow: Uow, manifest: catalog.Manifest, asked: instances.Size | None
) -> instances.Size:
    """Return the size that is asked for, or the smallest that fits. Raises InvalidRequestError."""
    needs = manifest.resource_requirements
    demands = {
        "ram_mb": needs.min_ram_mb,
        "disk_mb": needs.min_disk_mb,
        "cores": needs.min_cores,
    }
    chosen = asked or rules.smallest_size(**demands)
    if chosen is None or not rules.fits(chosen, **demands):
        raise InvalidRequestError(
            f"{manifest.name} needs at least {needs.min_ram_mb} MB of memory, "
            f"{needs.min_disk_mb} MB of disk and {needs.min_cores} cores",
            fields={"size": "Choose a larger size"},
        )
    await governance.require(uow, manifest, chosen)
    return chosen


def routes(
    manifest: catalog.Manifest,
    inputs: catalog.Inputs,
    name: str,
    domain: str,
    instance: instances.Instance,
) -> list[exposure.RouteRequest]:
    """Return what becomes reachable, where. Raises InvalidRequestError."""
    public = manifest.public_services
    first = next((s.name for s in public if s.protocol == "http"), None)
    others = [s.name for s in public if s.protocol == "http" and s.name != first]
    if any(len(f"{name}-{other}") > _LABEL_LENGTH for other in others):
        raise InvalidRequestError(
            "The name is too long for the addresses of this app's services",
            fields={"name": "Choose a shorter name"},
        )
    return [
        exposure.RouteRequest(
            service=service.name,
            protocol=service.protocol,
            host=f"{name}.{domain}"
            if service.protocol == "tcp" or service.name == first
            else f"{name}-{service.name}.{domain}",
            backend_ip=instance.ip,
            backend_port=manifest.service_port(service, dict(inputs.values)),
            path=service.health_path or service.path or "/",
            probe_send=service.probe.send if service.probe else "",
            probe_expect=service.probe.expect if service.probe else "",
        )
        for service in public
    ]


def beside(
    request: exposure.RouteRequest, name: str, domain: str, taken: set[str]
) -> exposure.RouteRequest:
    """Return a request for a service that comes later, with a host of its own."""
    if request.protocol != "http" or request.host not in taken:
        return request
    return replace(request, host=f"{name}-{request.service}.{domain}")
