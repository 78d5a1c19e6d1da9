"""Machines, and work on many of them, as the pages of their operations describe them."""

from stead.core.authz import Action, Actor, ForbiddenError, NotFoundError
from stead.core.db import Uow
from stead.core.http import Provided
from stead.fleet import bulk, service
from stead.kit.words import say
from stead.operations import public as operations
from stead.ui.models import Link


async def find_machine(
    _services: Provided, uow: Uow, actor: Actor, machine_id: str
) -> operations.Subject | None:
    """Return None when there is no such machine any more, or it is not theirs."""
    try:
        found = await service.get_machine(uow, actor, machine_id, Action.AGENT_READ)
    except (NotFoundError, ForbiddenError):
        return None
    page = Link(f"/agents/{found.id}", say("Look at the machine"))
    return operations.Subject(found.name, say("Done on %(name)s", name=found.name), page)


async def find_bulk(
    _services: Provided, uow: Uow, actor: Actor, bulk_id: str
) -> operations.Subject | None:
    """Return None when there is no such work any more, or it is not theirs."""
    try:
        found = await bulk.get_(uow, actor, bulk_id)
    except (NotFoundError, ForbiddenError):
        return None
    page = Link(f"/bulk/{found.id}", say("Look at each machine"))
    return operations.Subject(say("Work on many"), say("Done on all machines"), page)
