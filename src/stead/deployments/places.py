"""Where a deployment's work happens, so that a node or a template is not asked too much at once.

A step that does know nothing of it, as those of earlier releases, waits for no place.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from stead.core.db import Uow
from stead.core.durable import Json, Limit, StepContext
from stead.infra import public as infra
from stead.instances import public as instances
from stead.operations import public as operations

# The longest name of a limit.
_LONGEST: Final = 120
# What engines of a single node call it.
_ALONE: Final = "local"


async def found(uow: Uow, instance: instances.Instance, image: str = "") -> dict[str, Json]:
    """Return what the first step of a plan records for those that wait for a place."""
    return {
        "cluster": await infra.name_of(uow, instance.cluster_id),
        "node": await infra.node_of(uow, instance.cluster_id, instance.id),
        "template": image,
    }


def to_create(context: StepContext) -> Sequence[Limit]:
    """Return what a step holds that makes a guest from a template."""
    place = context.results.get("reserve", {})
    if "cluster" not in place:
        return ()
    template = f"template:{place['cluster']}/{place['template']}"
    return (*_on_node(place), Limit(template[:_LONGEST], operations.PER_TEMPLATE))


def to_start(context: StepContext) -> Sequence[Limit]:
    """Return what a step holds that starts the guest, on the node that it was made on."""
    return _on_node({**context.results.get("reserve", {}), **context.results.get("create", {})})


def to_destroy(context: StepContext) -> Sequence[Limit]:
    """Return what a removal holds while it deletes the guest."""
    return _on_node(context.results.get("begin", {}))


def _on_node(place: Mapping[str, Json]) -> Sequence[Limit]:
    if "cluster" not in place:
        return ()
    node = place.get("node")
    where = f"/{node}" if node and node != _ALONE else ""
    return (Limit(f"node:{place['cluster']}{where}"[:_LONGEST], operations.PER_NODE),)
