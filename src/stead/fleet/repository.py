"""All SQL of the fleet."""

from collections.abc import Collection

from sqlalchemy import delete, select

from stead.core.db import Uow, platform_wide
from stead.fleet.models import BulkRow, InstallationRow, ServerRow, TargetRow


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find_server(uow: Uow, server_id: str) -> ServerRow | None:
    return await uow.session.get(ServerRow, server_id)


async def find_server_by_name(uow: Uow, project_id: str, name: str) -> ServerRow | None:
    row: ServerRow | None = await uow.session.scalar(
        select(ServerRow).where(ServerRow.project_id == project_id, ServerRow.name == name)
    )
    return row


async def list_servers(uow: Uow, project_ids: Collection[str] | None) -> list[ServerRow]:
    """Return the servers of these projects, or of all when there is no selection."""
    query = select(ServerRow).order_by(ServerRow.name, ServerRow.id)
    if project_ids is not None:
        query = query.where(ServerRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


@platform_wide("by its id; the row was found and checked before")
async def delete_server(uow: Uow, server_id: str) -> None:
    await uow.session.execute(delete(ServerRow).where(ServerRow.id == server_id))


@platform_wide("for the platform admin who takes a source away")
async def of_source(uow: Uow, source_id: str) -> list[InstallationRow]:
    query = select(InstallationRow).where(InstallationRow.source_id == source_id)
    return list(await uow.session.scalars(query.order_by(InstallationRow.id)))


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find_installation(uow: Uow, installation_id: str) -> InstallationRow | None:
    return await uow.session.get(InstallationRow, installation_id)


@platform_wide("a machine is of one project, and whoever asks for it was checked")
async def find_installed(uow: Uow, machine_id: str, package_id: str) -> InstallationRow | None:
    row: InstallationRow | None = await uow.session.scalar(
        select(InstallationRow).where(
            InstallationRow.machine_id == machine_id, InstallationRow.package_id == package_id
        )
    )
    return row


@platform_wide("a machine is of one project, and whoever asks for it was checked")
async def list_installations(uow: Uow, machine_id: str) -> list[InstallationRow]:
    query = select(InstallationRow).where(InstallationRow.machine_id == machine_id)
    return list(await uow.session.scalars(query.order_by(InstallationRow.package_id)))


@platform_wide("by its id; the row was found and checked before")
async def delete_installation(uow: Uow, installation_id: str) -> None:
    await uow.session.execute(delete(InstallationRow).where(InstallationRow.id == installation_id))


@platform_wide("by its id; whoever asks is checked against the row's project")
async def find_bulk(uow: Uow, bulk_id: str) -> BulkRow | None:
    return await uow.session.get(BulkRow, bulk_id)


async def list_bulks(uow: Uow, project_ids: Collection[str] | None, limit: int) -> list[BulkRow]:
    """Return the latest work on many, newest first."""
    query = select(BulkRow).order_by(BulkRow.id.desc()).limit(limit)
    if project_ids is not None:
        query = query.where(BulkRow.project_id.in_(project_ids))
    return list(await uow.session.scalars(query))


async def list_targets(uow: Uow, bulk_id: str) -> list[TargetRow]:
    query = select(TargetRow).where(TargetRow.bulk_id == bulk_id).order_by(TargetRow.position)
    return list(await uow.session.scalars(query))


async def find_target(uow: Uow, bulk_id: str, position: int) -> TargetRow | None:
    return await uow.session.get(TargetRow, (bulk_id, position))
