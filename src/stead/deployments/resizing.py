"""The use case of another size: what it takes up is moved with the request, or not at all."""

from stead.catalog import public as catalog
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Json
from stead.deployments import acting, governance, rules
from stead.deployments.acting import Acting, Wish
from stead.deployments.errors import InvalidRequestError, NotInPlaceError, UnsupportedHereError
from stead.deployments.models import DeploymentRow
from stead.deployments.schemas import AcceptedOut, ResizeIn
from stead.engines.capabilities import Ability
from stead.identity import public as identity
from stead.infra import public as infra
from stead.instances import public as instances
from stead.instances.public import SHAPES, Shape


async def resize(
    uow: Uow, actor: Actor, acts: Acting, deployment_id: str, asked: ResizeIn
) -> AcceptedOut:
    """Queue another size. Until it is there, the larger of each amount is taken up."""
    row = await acting.get_row(uow, actor, deployment_id, Action.DEPLOYMENT_OPERATE)
    instance = await instances.find(uow, row.instance_id)
    if instance is None:
        raise NotInPlaceError(f"{row.name} has no container")
    before, after = instance.shape, _wanted(instance.shape, asked)
    await _require(uow, row, before, after)
    if reason := await infra.why_not(uow, instance.cluster_id, Ability.RESIZE):
        raise UnsupportedHereError(f"{row.name} cannot be given another size: {reason}")
    wish = Wish(acts.resize_plan, f"Give {row.name} another size")
    accepted = await acting.begin(
        uow, actor, row, wish, before_size=_listed(before), size=_listed(after)
    )
    await take_up(uow, row, before.with_all_of(after))
    return accepted


async def take_up(uow: Uow, row: DeploymentRow, shape: Shape) -> None:
    """Write down, for project and cluster alike, what a deployment takes up now."""
    amounts = {
        identity.Resource.CORES: shape.cores,
        identity.Resource.MEMORY: shape.memory_mb,
        identity.Resource.DISK: shape.disk_gb,
    }
    await identity.amend(uow, rules.limit_owner(row.id), row.project_id, amounts)
    await instances.reshape(uow, row.instance_id, shape)


def _wanted(before: Shape, asked: ResizeIn) -> Shape:
    size = SHAPES[asked.size] if asked.size is not None else before
    return Shape(
        asked.cores or size.cores,
        asked.memory_mb or size.memory_mb,
        asked.disk_gb or max(size.disk_gb, before.disk_gb),
    )


async def _require(uow: Uow, row: DeploymentRow, before: Shape, after: Shape) -> None:
    """Pass, or raise InvalidRequestError with what is wrong with each amount."""
    if after == before:
        raise InvalidRequestError(f"{row.name} has that size already")
    if after.disk_gb < before.disk_gb:
        least = f"Its disk has {before.disk_gb} GB and can only grow"
        raise InvalidRequestError("A disk cannot shrink", fields={"disk_gb": least})
    needs = catalog.Manifest.model_validate(row.manifest).resource_requirements
    wrong = rules.lacking(
        after, ram_mb=needs.min_ram_mb, disk_mb=needs.min_disk_mb, cores=needs.min_cores
    )
    most = SHAPES[(await governance.allowed(uow)).largest]
    if wrong := wrong | rules.beyond(after, before, most):
        raise InvalidRequestError("This size does not fit", fields=wrong)


def _listed(shape: Shape) -> list[Json]:
    return [shape.cores, shape.memory_mb, shape.disk_gb]
