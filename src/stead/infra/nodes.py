"""Use cases of single nodes: emptying one for work on it, and taking it back."""

from stead.core import authz
from stead.core.authz import Action, Actor, NotFoundError
from stead.core.db import Uow
from stead.engines.capabilities import NOT_OFFERED, Ability
from stead.engines.errors import UnsupportedError
from stead.infra import clusters, connecting as ours, inventory, repository
from stead.infra.connecting import Connecting
from stead.infra.errors import ReadOnlyError
from stead.infra.models import ClusterRow
from stead.infra.rules import Mode


async def evacuate(uow: Uow, actor: Actor, tools: Connecting, name_or_id: str, node: str) -> str:
    """Queue moving everything off a node; return the operation. Twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await _able(uow, name_or_id, node)
    title = f"Empty {node} of {row.name}"
    return await ours.submit(uow, actor, tools.evacuate_plan, row, title, node=node)


async def restore(uow: Uow, actor: Actor, tools: Connecting, name_or_id: str, node: str) -> str:
    """Queue bringing back what had to leave a node; return the operation. Twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await _able(uow, name_or_id, node)
    title = f"Take {node} of {row.name} back"
    return await ours.submit(uow, actor, tools.restore_plan, row, title, node=node)


async def _able(uow: Uow, name_or_id: str, node: str) -> ClusterRow:
    """Return the cluster. Raises NotFound, ReadOnly, and Unsupported with its own reason."""
    row = await clusters.find(uow, name_or_id)
    if row.mode == Mode.READ_ONLY:
        raise ReadOnlyError(
            f"The cluster {row.name} is only looked at", hint="A platform admin can take it over"
        )
    survey = await repository.survey(uow, row.id)
    known = {*row.nodes, *(one["name"] for one in (survey.nodes if survey else []))}
    if node not in known:
        raise NotFoundError(f"The cluster {row.name} has no node {inventory.clean(node, 120)}")
    found = next((one for one in row.capabilities if one["ability"] == Ability.EVACUATION), None)
    if found is None or found["verdict"] == "no":
        reason = found["reason"] if found else NOT_OFFERED
        raise UnsupportedError(f"Nodes of {row.name} cannot be emptied: {reason}")
    return row
