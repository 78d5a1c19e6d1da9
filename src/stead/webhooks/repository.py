"""All SQL of webhooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, CursorResult, delete, func, literal, or_, select, update

from stead.core.db import DatabaseNow, Uow, platform_wide
from stead.webhooks.models import AttemptRow, DeliveryRow, WebhookRow
from stead.webhooks.rules import TEST, DeliveryState, Paused

_BATCH: Final = 500


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find(uow: Uow, webhook_id: str) -> WebhookRow | None:
    return await uow.session.get(WebhookRow, webhook_id)


@platform_wide("by its id, for the courier that carries what every project sends")
async def hold(uow: Uow, webhook_id: str) -> WebhookRow | None:
    """Return a webhook that nobody else changes meanwhile, so that each failure counts."""
    return await uow.session.get(WebhookRow, webhook_id, with_for_update={"key_share": True})


async def list_(uow: Uow, project_id: str) -> list[WebhookRow]:
    query = select(WebhookRow).where(WebhookRow.project_id == project_id).order_by(WebhookRow.id)
    return list(await uow.session.scalars(query))


async def listening(uow: Uow, project_id: str) -> list[WebhookRow]:
    """Return the webhooks of a project that something is sent to."""
    query = select(WebhookRow).where(
        WebhookRow.project_id == project_id, WebhookRow.paused == Paused.NO
    )
    return list(await uow.session.scalars(query))


async def count_pending(uow: Uow, webhook_id: str) -> int:
    query = select(func.count()).where(
        DeliveryRow.webhook_id == webhook_id, DeliveryRow.state == DeliveryState.PENDING
    )
    return await uow.session.scalar(query) or 0


@platform_wide("by its id; the row was found and checked before")
async def delete_(uow: Uow, webhook_id: str) -> None:
    """Delete a webhook with everything that was told to it."""
    own = select(DeliveryRow.id).where(DeliveryRow.webhook_id == webhook_id)
    await uow.session.execute(delete(AttemptRow).where(AttemptRow.delivery_id.in_(own)))
    await uow.session.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id))
    await uow.session.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))


async def find_delivery(uow: Uow, delivery_id: str) -> DeliveryRow | None:
    return await uow.session.get(DeliveryRow, delivery_id, populate_existing=True)


async def latest_deliveries(
    uow: Uow, webhook_id: str, limit: int, before: str | None = None
) -> list[DeliveryRow]:
    """Return deliveries, newest first; ids are in the order in which they were made."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id)
    if before is not None:
        query = query.where(DeliveryRow.id < before)
    return list(await uow.session.scalars(query.order_by(DeliveryRow.id.desc()).limit(limit)))


async def attempts(uow: Uow, delivery_id: str) -> list[AttemptRow]:
    query = select(AttemptRow).where(AttemptRow.delivery_id == delivery_id)
    return list(await uow.session.scalars(query.order_by(AttemptRow.number)))


async def last_attempts(uow: Uow, delivery_ids: Collection[str]) -> dict[str, AttemptRow]:
    """Return the last try of each of these deliveries that was tried."""
    query = select(AttemptRow).where(AttemptRow.delivery_id.in_(delivery_ids))
    rows = await uow.session.scalars(query.order_by(AttemptRow.number))
    return {row.delivery_id: row for row in rows}


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come, as it was when somebody looked."""

    id: str
    webhook_id: str
    project_id: str
    tries: int


@platform_wide("one courier carries what every project sends")
async def find_due(uow: Uow, busy: Collection[str]) -> Due | None:
    """Return the delivery that waits longest, of projects that are not busy."""
    query = (
        select(DeliveryRow.id, WebhookRow.id, WebhookRow.project_id, DeliveryRow.tries)
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(*_sendable(busy), DeliveryRow.next_at <= DatabaseNow())
        .order_by(DeliveryRow.next_at, DeliveryRow.id)
        .limit(1)
    )
    row = (await uow.session.execute(query)).first()
    return Due(*row) if row is not None else None


@platform_wide("one courier carries what every project sends")
async def seconds_until_due(uow: Uow, busy: Collection[str]) -> float | None:
    """Return in how many seconds the next one of projects that are not busy is due."""
    query = (
        select(func.min(DeliveryRow.next_at) - DatabaseNow())
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(*_sendable(busy))
    )
    found: float | None = await uow.session.scalar(query)
    return found


def _sendable(busy: Collection[str]) -> Sequence[ColumnElement[bool]]:
    return (
        DeliveryRow.state == DeliveryState.PENDING,
        or_(WebhookRow.paused == Paused.NO, DeliveryRow.event == TEST),
        WebhookRow.project_id.not_in(busy),
    )


async def claim(uow: Uow, due: Due, lease_seconds: float) -> bool:
    """Begin the next try of a delivery; False when somebody else did, or it is gone."""
    changed = await uow.session.execute(
        update(DeliveryRow)
        .where(
            DeliveryRow.id == due.id,
            DeliveryRow.state == DeliveryState.PENDING,
            DeliveryRow.tries == due.tries,
            DeliveryRow.next_at <= DatabaseNow(),
        )
        .values(tries=due.tries + 1, next_at=DatabaseNow() + lease_seconds)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


async def put_off(uow: Uow, delivery_id: str, seconds: float) -> None:
    """Have a delivery tried again so many seconds from now."""
    await uow.session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery_id)
        .values(next_at=DatabaseNow() + literal(seconds))
    )


@platform_wide("what nobody looks at any more, whoever it was told")
async def purge(uow: Uow, before: datetime) -> int:
    """Forget some deliveries that ended before then; return how many, 0 when none is left."""
    old = select(DeliveryRow.id).where(
        DeliveryRow.state != DeliveryState.PENDING, DeliveryRow.finished_at < before
    )
    chosen = list(await uow.session.scalars(old.limit(_BATCH)))
    await uow.session.execute(delete(AttemptRow).where(AttemptRow.delivery_id.in_(chosen)))
    await uow.session.execute(delete(DeliveryRow).where(DeliveryRow.id.in_(chosen)))
    return len(chosen)
