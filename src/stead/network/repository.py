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


@platform_wide("it is every project's, as the cluster's admins decided")
async def find_shared(uow: Uow, cluster_id: str) -> NetworkRow | None:
    row: NetworkRow | None = await uow.session.scalar(
        select(NetworkRow).where(
            NetworkRow.cluster_id == cluster_id, NetworkRow.project_id.is_(None)
        )
    )
    return row


@platform_wide("by its id, which an address or a guest of the project has")
async def get_network(uow: Uow, network_id: str) -> NetworkRow:
    return await uow.session.get_one(NetworkRow, network_id)


@platform_wide("the server listens on the gateway of each")
async def own_networks(uow: Uow) -> list[NetworkRow]:
    """Return those that we make, which leaves out what guests share on clusters of others."""
    query = select(NetworkRow).where(NetworkRow.project_id.is_not(None))
    return list(await uow.session.scalars(query.order_by(NetworkRow.id)))


@platform_wide("ranges are shared by all projects")
async def used_cidrs(uow: Uow) -> set[str]:
    query = select(NetworkRow.cidr).where(NetworkRow.project_id.is_not(None))
    return set(await uow.session.scalars(query))


async def used_ips(uow: Uow, network_id: str) -> set[str]:
    return set(
        await uow.session.scalars(select(AddressRow.ip).where(AddressRow.network_id == network_id))
    )


async def release(uow: Uow, instance_id: str) -> None:
    await uow.session.execute(delete(AddressRow).where(AddressRow.instance_id == instance_id))


@platform_wide("nobody has an address on it any more")
async def forget_unused_shared(uow: Uow) -> None:
    used = select(AddressRow.ip).where(AddressRow.network_id == NetworkRow.id).exists()
    await uow.session.execute(delete(NetworkRow).where(NetworkRow.project_id.is_(None), ~used))
