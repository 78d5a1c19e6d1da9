"""Whether a claim may find something: asked first, for all workers are woken and one gets it."""

from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, and_, select, union_all

from stead.core.db import Database
from stead.core.durable.store import ABANDONED, WAITING, Hand, Plans, found, known


@cache
def _question(plans: Plans) -> CompoundSelect[Any]:
    # As a claim asks, in its order: without that PostgreSQL reads all operations there ever were.
    looks = [found(and_(one, known(plans))).subquery() for one in (ABANDONED, WAITING)]
    return union_all(*(select(look.c.id) for look in looks))


async def is_anything(database: Database, hand: Hand) -> bool:
    """Tell whether there is an operation that this worker could claim now."""
    if not hand.plans:
        return False
    async with database.read() as uow:
        return bool(await uow.rows(_question(tuple(hand.plans)), {"b_most": 1}))
