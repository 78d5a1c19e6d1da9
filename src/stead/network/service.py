"""Use cases of network: reserve an address in the caller's transaction, and give it back."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from stead.core import platform_settings
from stead.core.db import Uow
from stead.infra import public as infra
from stead.kit import clock, ids
from stead.network import repository, rules, settings
from stead.network.errors import NoFreeAddressError, NoFreeNetworkError
from stead.network.models import AddressRow, NetworkRow


@dataclass(frozen=True, slots=True)
class Network:
    """A project's network as workflows need it."""

    id: str
    native_name: str
    cidr: IPv4Network

    @property
    def gateway(self) -> IPv4Address:
        """Return the address at which guests find the control plane."""
        return rules.gateway(self.cidr)

    @property
    def open_part(self) -> IPv4Network:
        """Return the part whose guests their neighbours may speak to."""
        return rules.open_part(self.cidr)


@dataclass(frozen=True, slots=True)
class Address:
    """A reserved address."""

    network_id: str
    ip: IPv4Address
    mac: str


@dataclass(frozen=True, slots=True)
class Owner:
    """For whom an address is reserved."""

    project_id: str
    cluster_id: str
    instance_id: str


async def reserve_address(
    uow: Uow, within: IPv4Network, owner: Owner, *, reachable: bool = False
) -> Address:
    """Reserve an address on the project's network, and the network itself if it is new.

    A reachable one is of the part that neighbours on the network may speak to.
    """
    network = await repository.find_network(uow, owner.project_id, owner.cluster_id)
    if network is None:
        network = await _reserve_network(uow, within, owner.project_id, owner.cluster_id)
    used = await repository.used_ips(uow, network.id)
    # After a restore there may be guests that this copy does not know.
    used |= await infra.foreign_addresses(uow, owner.cluster_id)
    ip = rules.next_address(IPv4Network(network.cidr), used, reachable=reachable)
    if ip is None:
        raise NoFreeAddressError("All addresses of the project's network are in use")
    mac = rules.mac_for(ip)
    uow.session.add(
        AddressRow(network_id=network.id, ip=str(ip), instance_id=owner.instance_id, mac=mac)
    )
    await uow.session.flush()
    return Address(network.id, ip, mac)


async def release_address(uow: Uow, instance_id: str) -> None:
    """Give an instance's address back; none is fine."""
    await repository.release(uow, instance_id)


async def get_network(uow: Uow, network_id: str) -> Network:
    return _network(await repository.get_network(uow, network_id))


async def list_networks(uow: Uow) -> list[Network]:
    return [_network(row) for row in await repository.all_networks(uow)]


async def _reserve_network(
    uow: Uow, within: IPv4Network, project_id: str, cluster_id: str
) -> NetworkRow:
    reserved = await platform_settings.get(uow, settings.RESERVED)
    cidr = rules.next_network(within, await repository.used_cidrs(uow), reserved)
    if cidr is None:
        raise NoFreeNetworkError(f"The range {within} has no free network left")
    network_id = ids.new_id()
    row = NetworkRow(
        id=network_id,
        project_id=project_id,
        cluster_id=cluster_id,
        native_name=f"st-{network_id[-10:]}",
        cidr=str(cidr),
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await uow.session.flush()
    return row


def _network(row: NetworkRow) -> Network:
    return Network(row.id, row.native_name, IPv4Network(row.cidr))
