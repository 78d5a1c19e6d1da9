"""Which life of the platform this is: every restore from a copy begins a new epoch.

What was issued in an earlier epoch (snapshots, jobs) is refused by whoever has seen a later
one, so a control plane that was replaced cannot speak for the one that replaced it.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Select, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, Uow, UtcDateTime
from stead.kit import clock, ids

FIRST: Final = 1
_ONLY: Final = 1
_MINUTE: Final = 60


class PlatformRow(Base):
    """The platform itself; one row."""

    __tablename__ = "platform"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(26))
    epoch: Mapped[int] = mapped_column(Integer)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    copy: Mapped[str | None] = mapped_column(String(80))
    copied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def new() -> PlatformRow:
    """Return the row of a platform that begins now, not stored yet."""
    return PlatformRow(id=_ONLY, name=ids.new_id(), epoch=FIRST, began_at=clock.utc_now())


async def ensure(uow: Uow) -> PlatformRow:
    """Return the platform's row, made when this is a new platform."""
    row = await uow.session.get(PlatformRow, _ONLY)
    if row is None:
        row = new()
        uow.session.add(row)
        await uow.session.flush()
    return row


async def find(uow: Uow) -> PlatformRow | None:
    """Return the platform's row, or None on a platform that is not set up yet."""
    return await uow.session.get(PlatformRow, _ONLY)


async def current(uow: Uow) -> int:
    """Return the number of the present epoch."""
    row = await uow.session.get(PlatformRow, _ONLY)
    return row.epoch if row is not None else FIRST


def query() -> Select[Any]:
    """Return a query for the number of the present epoch, to compare rows with."""
    return select(func.coalesce(func.max(PlatformRow.epoch), FIRST))


async def begin(uow: Uow, *, copy: str, copied_at: datetime, after: int) -> int:
    """Begin a new epoch, later than any that this platform can have had; return it.

    ``after`` is the latest epoch that is known. A machine that starts from nothing knows only
    the copy's, so the number also follows the clock: a replaced platform that had moved on
    by restores of its own is passed nevertheless.
    """
    row = await ensure(uow)
    now = clock.utc_now()
    row.epoch = max(row.epoch + 1, after + 1, int(now.timestamp()) // _MINUTE)
    row.began_at, row.copy, row.copied_at = now, copy, copied_at
    return row.epoch
