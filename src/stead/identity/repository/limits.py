"""SQL about what projects may use and do use."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import CursorResult, delete, func, select

from stead.core.db import Uow, platform_wide
from stead.identity.models import ProjectLimitRow, ReservationRow

COLUMNS: Final = (
    "instances",
    "cores",
    "memory_mb",
    "disk_gb",
    "addresses",
    "routes",
    "snapshots",
)


async def limits_of(uow: Uow, project_id: str) -> dict[str, int]:
    rows = await uow.session.execute(
        select(ProjectLimitRow.resource, ProjectLimitRow.amount).where(
            ProjectLimitRow.project_id == project_id
        )
    )
    return dict(rows.all())


async def replace_limits(uow: Uow, project_id: str, limits: Mapping[str, int]) -> None:
    await uow.session.execute(
        delete(ProjectLimitRow).where(ProjectLimitRow.project_id == project_id)
    )
    uow.session.add_all(
        ProjectLimitRow(project_id=project_id, resource=resource, amount=amount)
        for resource, amount in limits.items()
    )


async def usage(uow: Uow, project_id: str) -> dict[str, int]:
    """Return what is reserved. It is added up, so there is no counter that could drift."""
    sums = [func.coalesce(func.sum(getattr(ReservationRow, name)), 0) for name in COLUMNS]
    found = await uow.session.execute(select(*sums).where(ReservationRow.project_id == project_id))
    return dict(zip(COLUMNS, (int(one) for one in found.one()), strict=True))


@platform_wide("an owner reserves in one project, and is asked for by its own workflow")
async def find(uow: Uow, owner: str) -> ReservationRow | None:
    return await uow.session.get(ReservationRow, owner)


async def add(uow: Uow, owner: str, project_id: str, amounts: Mapping[str, int]) -> None:
    everything = dict.fromkeys(COLUMNS, 0) | dict(amounts)
    uow.session.add(ReservationRow(owner=owner, project_id=project_id, **everything))
    await uow.session.flush()


@platform_wide("an owner reserves in one project, and is let go by its own workflow")
async def release(uow: Uow, owner: str) -> bool:
    changed = await uow.session.execute(
        delete(ReservationRow).where(ReservationRow.owner == owner)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1
