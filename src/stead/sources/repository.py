"""All SQL of sources."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select

from stead.core.db import Uow, platform_wide
from stead.sources.models import (
    ProjectSourceRow,
    SnapshotPackageRow,
    SnapshotRow,
    SourceRow,
    VersionRow,
)

ACCEPTED = "accepted"
OPEN = "open"


async def list_(uow: Uow) -> list[SourceRow]:
    return list(await uow.session.scalars(select(SourceRow).order_by(SourceRow.name)))


async def find(uow: Uow, name_or_id: str) -> SourceRow | None:
    found: SourceRow | None = await uow.session.scalar(
        select(SourceRow).where((SourceRow.id == name_or_id) | (SourceRow.name == name_or_id))
    )
    return found


async def lock(uow: Uow, source_id: str) -> SourceRow | None:
    return await uow.session.get(SourceRow, source_id, with_for_update=True)


async def snapshots(uow: Uow, source_id: str, limit: int) -> list[SnapshotRow]:
    """Return the commits that were looked at, the latest first."""
    query = select(SnapshotRow).where(SnapshotRow.source_id == source_id)
    return list(await uow.session.scalars(query.order_by(SnapshotRow.id.desc()).limit(limit)))


async def find_snapshot(uow: Uow, source: SourceRow, commit: str) -> SnapshotRow | None:
    found: SnapshotRow | None = await uow.session.scalar(
        select(SnapshotRow).where(
            SnapshotRow.source_id == source.id,
            SnapshotRow.revision == commit,
            SnapshotRow.folder == source.folder,
        )
    )
    return found


async def in_state(uow: Uow, source_id: str, state: str) -> list[SnapshotRow]:
    query = select(SnapshotRow).where(
        SnapshotRow.source_id == source_id, SnapshotRow.state == state
    )
    return list(await uow.session.scalars(query.order_by(SnapshotRow.id)))


async def current(uow: Uow, state: str) -> dict[str, SnapshotRow]:
    """Return the one snapshot of each source that is in this state."""
    query = select(SnapshotRow).where(SnapshotRow.state == state).order_by(SnapshotRow.id)
    return {row.source_id: row for row in await uow.session.scalars(query)}


async def packages(uow: Uow, snapshot_id: str) -> list[SnapshotPackageRow]:
    query = select(SnapshotPackageRow).where(SnapshotPackageRow.snapshot_id == snapshot_id)
    return list(await uow.session.scalars(query.order_by(SnapshotPackageRow.name)))


async def all_packages(
    uow: Uow, snapshot_ids: Sequence[str]
) -> Mapping[str, list[SnapshotPackageRow]]:
    """Return the packages of several snapshots."""
    query = select(SnapshotPackageRow).where(SnapshotPackageRow.snapshot_id.in_(snapshot_ids))
    found: dict[str, list[SnapshotPackageRow]] = {one: [] for one in snapshot_ids}
    for row in await uow.session.scalars(query.order_by(SnapshotPackageRow.name)):
        found[row.snapshot_id].append(row)
    return found


async def versions(uow: Uow, source_id: str) -> dict[tuple[str, str], str]:
    """Return the digest of every version that was ever accepted."""
    rows = await uow.session.scalars(select(VersionRow).where(VersionRow.source_id == source_id))
    return {(row.name, row.version): row.digest for row in rows}


@platform_wide("which projects use which source is what this answers")
async def users(uow: Uow) -> dict[str, frozenset[str]]:
    """Return the projects that use each source."""
    found: dict[str, set[str]] = {}
    for row in await uow.session.scalars(select(ProjectSourceRow)):
        found.setdefault(row.source_id, set()).add(row.project_id)
    return {source_id: frozenset(projects) for source_id, projects in found.items()}


async def find_user(uow: Uow, project_id: str, source_id: str) -> ProjectSourceRow | None:
    return await uow.session.get(ProjectSourceRow, (project_id, source_id))


@platform_wide("the source goes, and with it the choice of every project")
async def forget(uow: Uow, source_id: str) -> None:
    """Delete a source with all that is known of it."""
    mine = select(SnapshotRow.id).where(SnapshotRow.source_id == source_id)
    await uow.session.execute(
        delete(SnapshotPackageRow).where(SnapshotPackageRow.snapshot_id.in_(mine))
    )
    for table in (SnapshotRow, VersionRow, ProjectSourceRow):
        await uow.session.execute(delete(table).where(table.source_id == source_id))
    await uow.session.execute(delete(SourceRow).where(SourceRow.id == source_id))
