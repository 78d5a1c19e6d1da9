"""All SQL of network."""

from sqlalchemy import delete, select

from stead.core.db import Uow, platform_wide
from stead.network.models import AddressRow, NetworkRow


async def find_network(uow: Uow, project_id: str, cluster_id: str) -> NetworkRow | None:
    row: NetworkRow | None = await uow.session.scalar(
        select(NetworkRow).where(
            NetworkRow.project_id == project_id, NetworkRow.cluster_id == cluster_id
        )
    )
    return row


async def get_network(uow: Uow, network_id: str) -> NetworkRow:
    return await uow.session.get_one(NetworkRow, network_id)


@platform_wide("the server listens on the gateway of each")
async def all_networks(uow: Uow) -> list[NetworkRow]:
    return list(await uow.session.scalars(select(NetworkRow).order_by(NetworkRow.id)))


@platform_wide("ranges are shared by all projects")
async def used_cidrs(uow: Uow) -> set[str]:
    return set(await uow.session.scalars(select(NetworkRow.cidr)))


async def used_ips(uow: Uow, network_id: str) -> set[str]:
    return set(
        await uow.session.scalars(select(AddressRow.ip).where(AddressRow.network_id == network_id))
    )


async def release(uow: Uow, instance_id: str) -> None:
    await uow.session.execute(delete(AddressRow).where(AddressRow.instance_id == instance_id))
