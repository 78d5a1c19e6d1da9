"""Places under limits: at most so many steps on a node, or from a template, at once."""

from collections.abc import Iterable

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from stead.core import platform_settings
from stead.core.db import Uow
from stead.core.durable.plan import Limit
from stead.core.durable.store import HOLDER, LIMIT, QUEUE, count


async def take(uow: Uow, operation_id: str, limits: Iterable[Limit]) -> Limit | None:
    """Hold a place under every limit, or none and return the limit that has none free."""
    session = uow.session
    for limit in sorted(limits, key=lambda one: one.key):
        size = await _size(uow, limit)
        await _queue_at(uow, limit.key, size)
        others = and_(HOLDER.c.key == limit.key, HOLDER.c.operation_id != operation_id)
        if (await session.scalar(select(func.count()).where(others)) or 0) >= size:
            await release(uow, operation_id)
            return Limit(limit.key, size)
        mine = {"key": limit.key, "operation_id": operation_id}
        if await session.scalar(select(HOLDER.c.key).filter_by(**mine)) is None:
            await session.execute(insert(HOLDER), [mine])
    return None


async def _size(uow: Uow, limit: Limit) -> int:
    if isinstance(limit.size, int):
        return limit.size
    return await platform_settings.get(uow, limit.size)


async def _queue_at(uow: Uow, key: str, size: int) -> None:
    """Hold the limit's row until the end of the transaction; two must not count at once."""
    session = uow.session
    known = update(LIMIT).where(LIMIT.c.key == key).values(size=size)
    if count(await session.execute(known.where(LIMIT.c.size != size))) == 1:
        uow.wake(QUEUE)  # there may be room for others that wait
        return
    if count(await session.execute(known)) == 1:
        return
    try:
        async with session.begin_nested():
            await session.execute(insert(LIMIT), [{"key": key, "size": size}])
    except IntegrityError:
        await session.execute(known)


async def release(uow: Uow, operation_id: str) -> None:
    """Give back every place that an operation holds."""
    gone = await uow.session.execute(delete(HOLDER).where(HOLDER.c.operation_id == operation_id))
    if count(gone):
        uow.wake(QUEUE)
