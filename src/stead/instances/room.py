"""Whether a cluster has room for one more under its overcommit policy.

What is given out to guests of ours are the instances and those that are kept ready for some.
"""

from stead.core.db import Uow
from stead.infra import public as infra
from stead.instances import repository
from stead.instances.rules import SHAPES, Shape, Size


async def require(uow: Uow, cluster_id: str, size: Size) -> None:
    """Pass if there is room for one that is made. Raises Full."""
    await infra.admit(uow, cluster_id, _amount([size]), await _given(uow, cluster_id, []))


async def require_for_instance(uow: Uow, cluster_id: str, size: Size) -> None:
    """Do so for an instance, which takes one that is ready, and its room, where there is one."""
    ready = await repository.spare_warm_guests(uow, cluster_id, made=True)
    freed = [size] if size in ready else []
    await infra.admit(uow, cluster_id, _amount([size]), await _given(uow, cluster_id, freed))


async def require_more(uow: Uow, cluster_id: str, more: Shape) -> None:
    """Pass if there is room for an instance to grow by that much. Raises Full."""
    given = await _given(uow, cluster_id, [])
    asked = {name: max(0, getattr(more, name)) for name in infra.AmountOut.model_fields}
    # What does not grow is not asked about, however much of it was given out.
    ours = {name: getattr(given, name) if amount else 0 for name, amount in asked.items()}
    if any(asked.values()):
        await infra.admit(uow, cluster_id, infra.AmountOut(**asked), infra.AmountOut(**ours))


async def has(uow: Uow, cluster_id: str, size: Size) -> bool:
    """Tell whether there is room for one that is made."""
    try:
        await require(uow, cluster_id, size)
    except infra.FullError:
        return False
    return True


async def _given(uow: Uow, cluster_id: str, freed: list[Size]) -> infra.AmountOut:
    cores, memory_mb, disk_gb = await repository.sums(uow, cluster_id)
    kept = _amount(await repository.spare_warm_guests(uow, cluster_id))
    less = _amount(freed)
    return infra.AmountOut(
        cores=cores + kept.cores - less.cores,
        memory_mb=memory_mb + kept.memory_mb - less.memory_mb,
        disk_gb=disk_gb + kept.disk_gb - less.disk_gb,
    )


def _amount(sizes: list[Size]) -> infra.AmountOut:
    shapes = [SHAPES[size] for size in sizes]
    return infra.AmountOut(
        cores=sum(shape.cores for shape in shapes),
        memory_mb=sum(shape.memory_mb for shape in shapes),
        disk_gb=sum(shape.disk_gb for shape in shapes),
    )
