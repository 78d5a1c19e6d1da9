"""What a cluster said that it cannot do, for those who are about to ask it to."""

from stead.core.db import Uow
from stead.engines.capabilities import Ability, Verdict
from stead.infra import repository


async def why_not(uow: Uow, cluster_id: str, ability: Ability) -> str:
    """Return why a cluster cannot do something, or nothing; one that was not asked yet may."""
    row = await repository.get_cluster(uow, cluster_id)
    entry = next((one for one in row.capabilities if one["ability"] == ability), None)
    return entry["reason"] if entry is not None and entry["verdict"] == Verdict.NO else ""
