"""Whether guests of a cluster may hold containers of their own.

The engine has to be able to, and on a connected cluster, whose host is somebody else's, an admin
has to have allowed it.
"""

from typing import Final

from stead.core.db import Uow
from stead.engines import connections
from stead.engines.capabilities import Ability, Verdict
from stead.engines.values import GuestKind
from stead.infra import repository
from stead.infra.errors import NoNestingError
from stead.infra.models import ClusterRow

_NOT_ALLOWED: Final = "its hosting does not allow containers in containers"


async def require_nesting(uow: Uow, cluster_id: str, app: str) -> None:
    """Pass if an app that needs it can run on a cluster. Raises NoNesting, with what to change."""
    row = await repository.get_cluster(uow, cluster_id)
    hosting = await repository.find_hosting(uow, cluster_id)
    if hosting is not None and hosting.kind == GuestKind.VM:
        # A virtual machine has a kernel of its own to nest on.
        return
    if reason := _withheld(row):
        raise _refusal(row, app, reason, "Change that there, or choose another cluster")
    if hosting is not None and not hosting.nesting:
        how = f"stead cluster hosting {row.name} --nesting, or on the cluster's page"
        raise _refusal(row, app, _NOT_ALLOWED, f"A platform admin can allow it: {how}")


def _withheld(row: ClusterRow) -> str:
    """Return why the engine itself cannot, or nothing; one that was not asked yet may."""
    entries = (one for one in row.capabilities if one["ability"] == Ability.NESTING)
    entry = next(entries, None)
    return entry["reason"] if entry is not None and entry["verdict"] == Verdict.NO else ""


def _refusal(row: ClusterRow, app: str, reason: str, hint: str) -> NoNestingError:
    engine = connections.of(row.engine).title
    return NoNestingError(
        f"{app} runs containers of its own, which the cluster {row.name} ({engine}) does not"
        f" take: {reason}",
        hint=hint,
        fields={"cluster": "Choose one that allows containers in containers"},
    )
