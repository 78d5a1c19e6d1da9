"""All SQL of deployments."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, select

from stead.core.db import Uow, platform_wide
from stead.core.keyset import sliced
from stead.core.paging import Slice
from stead.deployments.models import ChangeRow, DeploymentRow, SnapshotRow


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find(uow: Uow, deployment_id: str) -> DeploymentRow | None:
    return await uow.session.get(DeploymentRow, deployment_id)


@platform_wide("by its id; whoever asks is checked against the row's project")
async def lock(uow: Uow, deployment_id: str) -> DeploymentRow | None:
    """Return a deployment that nobody else changes until the end of the transaction."""
    return await uow.session.get(
        DeploymentRow, deployment_id, populate_existing=True, with_for_update=True
    )


_COLUMNS: Final = {
    "name": DeploymentRow.name,
    "created_at": DeploymentRow.created_at,
    "app": DeploymentRow.package_id,
    "project_id": DeploymentRow.project_id,
    "state": DeploymentRow.state,
}


async def list_(
    uow: Uow, project_ids: Collection[str] | None, wanted: Slice | None = None
) -> list[DeploymentRow]:
    """Return the deployments of these projects, or of all when there is no selection."""
    query = select(DeploymentRow)
    if wanted is not None:
        query = sliced(query, wanted, _COLUMNS, DeploymentRow.id)
    else:
        query = query.order_by(DeploymentRow.name, DeploymentRow.id)
    if project_ids is not None:
        query = query.where(DeploymentRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def names(uow: Uow, project_id: str) -> set[str]:
    return set(
        await uow.session.scalars(
            select(DeploymentRow.name).where(DeploymentRow.project_id == project_id)
        )
    )


@platform_wide("for those who look after the platform")
async def find_by_instance(uow: Uow, instance_id: str) -> DeploymentRow | None:
    row: DeploymentRow | None = await uow.session.scalar(
        select(DeploymentRow).where(DeploymentRow.instance_id == instance_id)
    )
    return row


async def live_versions(uow: Uow, project_id: str) -> dict[str, str]:
    """Return the apps that run in a project, each with its version."""
    query = (
        select(DeploymentRow.package_id, DeploymentRow.package_version)
        .where(
            DeploymentRow.project_id == project_id,
            DeploymentRow.state.in_(("live", "changing")),
        )
        .order_by(DeploymentRow.created_at)
    )
    return {row[0]: row[1] for row in await uow.session.execute(query)}


@platform_wide("for the platform admin who takes a source away")
async def of_source(uow: Uow, source_id: str) -> list[DeploymentRow]:
    query = select(DeploymentRow).where(DeploymentRow.source_id == source_id)
    return list(await uow.session.scalars(query.order_by(DeploymentRow.id)))


@platform_wide("beside a deployment that was found and checked before")
async def find_change(uow: Uow, deployment_id: str) -> ChangeRow | None:
    return await uow.session.get(ChangeRow, deployment_id)


@platform_wide("beside a deployment that was found and checked before")
async def delete_change(uow: Uow, deployment_id: str) -> None:
    await uow.session.execute(delete(ChangeRow).where(ChangeRow.deployment_id == deployment_id))


@platform_wide("by its id; the row was found and checked before")
async def delete_(uow: Uow, deployment_id: str) -> None:
    await delete_change(uow, deployment_id)
    await uow.session.execute(delete(DeploymentRow).where(DeploymentRow.id == deployment_id))


async def snapshots_of(uow: Uow, deployment_id: str) -> list[SnapshotRow]:
    query = select(SnapshotRow).where(SnapshotRow.deployment_id == deployment_id)
    return list(await uow.session.scalars(query.order_by(SnapshotRow.id)))


async def find_snapshot(uow: Uow, snapshot_id: str) -> SnapshotRow | None:
    return await uow.session.get(SnapshotRow, snapshot_id)


async def delete_snapshot(uow: Uow, snapshot_id: str) -> None:
    await uow.session.execute(delete(SnapshotRow).where(SnapshotRow.id == snapshot_id))
