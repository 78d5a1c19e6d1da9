"""Says of operations that wait for a worker which knows their plan what they wait for."""

from datetime import timedelta

from sqlalchemy import or_, select, update

from stead.core.db import Uow
from stead.core.durable import events, store
from stead.kit import clock


async def note(uow: Uow, hand: store.Hand) -> None:
    """Say of operations that could go on that no worker here knows their plan."""
    session = uow.session
    old = store.OPERATION.c.created_at < clock.utc_now() - timedelta(seconds=hand.lease_seconds)
    rows = await session.execute(
        select(store.OPERATION.c.id, store.OPERATION.c.kind, store.OPERATION.c.plan_version).where(
            or_(store.ABANDONED, store.WAITING),
            ~store.known(tuple(hand.plans)),
            old,
            store.OPERATION.c.waits_for.is_(None),
        )
    )
    for row in list(rows):
        waits = f"{store.PLAN}{row.kind}/{row.plan_version}"
        await session.execute(
            update(store.OPERATION).where(store.OPERATION.c.id == row.id).values(waits_for=waits)
        )
        text = (
            f"No worker that runs now knows version {row.plan_version} of {row.kind}; it goes on "
            "as soon as the version of Stead that accepted it, or a later one, is started"
        )
        await events.append_event(uow, row.id, "waiting", {"for": waits, "text": text})
