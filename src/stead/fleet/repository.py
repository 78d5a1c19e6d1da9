"""All SQL of the fleet."""

from collections.abc import Collection

from sqlalchemy import delete, select

from stead.core.db import Uow
from stead.fleet.models import ServerRow


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


async def delete_server(uow: Uow, server_id: str) -> None:
    await uow.session.execute(delete(ServerRow).where(ServerRow.id == server_id))
