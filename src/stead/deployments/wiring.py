"""What a deployment gives to those that are wired to it, secrets wrapped and all."""

from dataclasses import dataclass

from stead.catalog import public as catalog
from stead.core.db import Uow
from stead.deployments import repository, service
from stead.deployments.service import Deployments
from stead.instances import public as instances
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Given:
    """The outputs of a deployment by name, and its address inside of the project."""

    outputs: dict[str, Secret | str]
    address: str


async def give(uow: Uow, deployments: Deployments, deployment_id: str) -> Given | None:
    """Return what there is to give; None when the deployment is gone. The caller may have it."""
    row = await repository.find(uow, deployment_id)
    instance = await instances.find(uow, row.instance_id) if row is not None else None
    if row is None or instance is None:
        return None
    manifest = catalog.Manifest.model_validate(row.manifest)
    where = await service.whereabouts(uow, deployments, row, manifest)
    if where is None:
        return Given({}, str(instance.ip))
    secrets = await deployments.vault.all_of(uow, row.id)
    found = catalog.render_outputs(manifest, row.inputs, secrets, *where)
    return Given({one.name: one.value for one in found}, str(instance.ip))


async def state_of(uow: Uow, deployment_id: str) -> str | None:
    """Return how a deployment stands; None when it is gone."""
    row = await repository.find(uow, deployment_id)
    return row.state if row is not None else None


async def taken_names(uow: Uow, project_id: str) -> set[str]:
    """Return the names of the project's deployments."""
    return await repository.names(uow, project_id)
