"""How much a cluster has, how much of it is given out, and how far it may be overcommitted."""

from collections.abc import Mapping
from typing import Final

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.infra import clusters, news, repository
from stead.infra.errors import FullError, UnknownCapacityError
from stead.infra.models import ClusterRow
from stead.infra.news import Item, Kind
from stead.infra.rules import Standing
from stead.infra.schemas import AmountOut, ClusterDetailOut, OvercommitIn

_WORDS: Final = {"cores": "processors", "memory_mb": "MB of memory", "disk_gb": "GB of disk"}
_FACTORS: Final = {"cores": "cores", "memory_mb": "memory", "disk_gb": "disk"}


async def set_overcommit(
    uow: Uow, actor: Actor, name_or_id: str, asked: OvercommitIn
) -> ClusterDetailOut:
    """Say how many times of what a cluster has may be given out; twice is fine.

    Raises UnknownCapacity for what the cluster does not tell about itself.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await clusters.find(uow, name_or_id)
    limits = {name: factor for name, factor in asked.model_dump().items() if factor is not None}
    has = (await clusters.physical(uow, row.id)).model_dump()
    for amount, name in _FACTORS.items():
        if name in limits and not has[amount]:
            raise UnknownCapacityError(
                f"{row.name} does not say how many {_WORDS[amount]} it has",
                hint="Wait for its first survey, or look at its risks for what it does not tell",
            )
    if dict(row.overcommit) != limits:
        row.overcommit = limits
        told = ", ".join(f"{name} {factor:g} times" for name, factor in limits.items())
        words = f"{actor.name} set the overcommit policy: {told or 'no limits'}"
        await news.tell(uow, row.id, [Item(Kind.POLICY, words)])
    return await clusters.get_(uow, actor, row.id)


async def admit(uow: Uow, cluster_id: str, asked: AmountOut, ours: AmountOut) -> None:
    """Pass if a cluster has room for a guest under its policy. Raises Full.

    ``ours`` is all that was given to guests of ours, also those that are not there yet. What
    adopted guests and strangers have comes from looks; an adopted one that is lost still counts.
    """
    row = await repository.get_cluster(uow, cluster_id)
    if not row.overcommit:
        return
    has = (await clusters.physical(uow, cluster_id)).model_dump()
    sums = await repository.sums(uow, cluster_id)
    theirs = dict(zip(_WORDS, sums.get(Standing.UNKNOWN, (0, 0, 0)), strict=True))
    adopted = dict(zip(_WORDS, await repository.adopted_sums(uow, cluster_id), strict=True))
    for amount, words in _WORDS.items():
        factor = _factor(row, amount)
        if factor is None or not has[amount]:
            continue
        may = int(has[amount] * factor)
        given = getattr(ours, amount) + theirs[amount] + adopted[amount]
        wanted = getattr(asked, amount)
        if given + wanted > may:
            raise FullError(
                f"The cluster {row.name} has {has[amount]} {words} and may give out {may}:"
                f" {given} are given, and {wanted} more are too many",
                hint="Remove what is not needed, add to the cluster, or let an admin raise"
                " its overcommit policy",
            )


def _factor(row: ClusterRow, amount: str) -> float | None:
    limits: Mapping[str, float] = row.overcommit
    return limits.get(_FACTORS[amount])
