"""Whether a claim may find something: asked first, for all workers are woken and one gets it."""

from functools import cache
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select

from stead.core.db import Database
from stead.core.durable.store import ABANDONED, WAITING, Hand, Plans, known


@cache
def _question(plans: Plans) -> Select[Any]:
    ours = known(plans)
    return select(or_(*(exists().where(and_(one, ours)) for one in (ABANDONED, WAITING))))


async def is_anything(database: Database, hand: Hand) -> bool:
    """Tell whether there is an operation that this worker could claim now."""
    if not hand.plans:
        return False
    async with database.read() as uow:
        return bool((await uow.rows(_question(tuple(hand.plans)), {}))[0][0])
