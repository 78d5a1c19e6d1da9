"""A cluster, as the page of an operation on it describes it."""

from stead.core.authz import Actor, ForbiddenError, NotFoundError
from stead.core.db import Uow
from stead.core.http import Provided
from stead.infra import clusters
from stead.kit.words import say
from stead.operations import public as operations
from stead.ui.models import Link


async def find_subject(
    _services: Provided, uow: Uow, actor: Actor, cluster_id: str
) -> operations.Subject | None:
    """Return None when it was disconnected, or is not this person's business."""
    try:
        found = await clusters.get_(uow, actor, cluster_id)
    except (NotFoundError, ForbiddenError):
        return None
    page = Link(f"/clusters/{found.id}", say("Look at the cluster"))
    return operations.Subject(found.name, say("%(name)s is done", name=found.name), page)
