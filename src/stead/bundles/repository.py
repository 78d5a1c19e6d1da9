"""All SQL of bundles."""

from collections.abc import Collection

from sqlalchemy import delete, select

from stead.bundles.models import BundleRow, MemberRow
from stead.core.db import Uow, platform_wide


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find(uow: Uow, bundle_id: str) -> BundleRow | None:
    return await uow.session.get(BundleRow, bundle_id)


async def find_by_name(uow: Uow, project_id: str, name: str) -> BundleRow | None:
    row: BundleRow | None = await uow.session.scalar(
        select(BundleRow).where(BundleRow.project_id == project_id, BundleRow.name == name)
    )
    return row


async def list_(uow: Uow, project_ids: Collection[str] | None) -> list[BundleRow]:
    """Return the bundles of these projects, or of all when there is no selection."""
    query = select(BundleRow).order_by(BundleRow.name, BundleRow.id)
    if project_ids is not None:
        query = query.where(BundleRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def members(uow: Uow, bundle_id: str) -> list[MemberRow]:
    query = select(MemberRow).where(MemberRow.bundle_id == bundle_id)
    return list(await uow.session.scalars(query.order_by(MemberRow.position)))


@platform_wide("by its id; the row was found and checked before")
async def delete_(uow: Uow, bundle_id: str) -> None:
    await uow.session.execute(delete(MemberRow).where(MemberRow.bundle_id == bundle_id))
    await uow.session.execute(delete(BundleRow).where(BundleRow.id == bundle_id))
