"""Schedules: at their times they submit operations, once each, however many workers there are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from stead.core import log
from stead.core.db import Database, Uow
from stead.core.durable.store import count
from stead.core.durable.tables import ScheduleRow
from stead.core.errors import SteadError
from stead.kit import clock
from stead.kit.cron import Cron

LOOK_SECONDS: Final = 60.0
logger = log.get(__name__)
Submit: TypeAlias = Callable[[Uow, str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is submitted when. ``submit`` gets an idempotency key that names the tick."""

    name: str
    when: Cron
    submit: Submit


async def run(database: Database, schedules: Sequence[Schedule]) -> None:
    """Submit what is due until cancelled. Ticks that nobody was there for are made up once."""
    while True:
        for schedule in schedules:
            try:
                await submit_due(database, schedule, clock.utc_now())
            except SteadError as error:
                logger.warning("schedule.failed", schedule=schedule.name, reason=error.message)
            except Exception:  # one schedule's bug must not end the others
                logger.exception("schedule.crashed", schedule=schedule.name)
        await asyncio.sleep(LOOK_SECONDS)


async def submit_due(database: Database, schedule: Schedule, now: datetime) -> bool:
    """Submit if a tick has come since the last one; tell whether this call did.

    The note of the tick and the operation are one transaction.
    """
    try:
        async with database.write() as uow:
            row = await uow.session.get(ScheduleRow, schedule.name)
            if row is None:
                first = {"name": schedule.name, "last_at": now}
                await uow.session.execute(insert(ScheduleRow), [first])
                return False
            due, seen = schedule.when.after(row.last_at), row.last_at
            if due > now:
                return False
            changed = await uow.session.execute(
                update(ScheduleRow)
                .where(ScheduleRow.name == schedule.name, ScheduleRow.last_at == seen)
                .values(last_at=now)
            )
            if count(changed) == 1:
                await schedule.submit(uow, f"schedule:{schedule.name}:{due:%Y-%m-%dT%H:%M}")
            return count(changed) == 1
    except IntegrityError:
        return False  # another process was first
