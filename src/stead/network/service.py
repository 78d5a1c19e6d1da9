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

    A reachable one is of the part that neighbours on the network may speak to. On a cluster
    whose guests share a network, everybody is within reach.
    """
    hosting = await infra.hosting_of(uow, owner.cluster_id)
    if hosting is not None:
        return await _reserve_shared(uow, hosting, owner)
    network = await repository.find_network(uow, owner.project_id, owner.cluster_id)
    if network is None:
        network = await _reserve_network(uow, within, owner.project_id, owner.cluster_id)
    used = await _used(uow, network.id, owner.cluster_id)
    ip = rules.next_address(IPv4Network(network.cidr), used, reachable=reachable)
    if ip is None:
        raise NoFreeAddressError("All addresses of the project's network are in use")
    return await _give(uow, network.id, ip, owner)


async def release_address(uow: Uow, instance_id: str) -> None:
    """Give an instance's address back; none is fine."""
    await repository.release(uow, instance_id)


async def tidy(uow: Uow) -> None:
    """Forget the shared networks that no guest is on, once its instance is gone too."""
    await repository.forget_unused_shared(uow)


async def get_network(uow: Uow, network_id: str) -> Network:
    return _network(await repository.get_network(uow, network_id))


async def list_networks(uow: Uow) -> list[Network]:
    """Return the networks that we make."""
    return [_network(row) for row in await repository.own_networks(uow)]


async def _reserve_shared(uow: Uow, hosting: infra.Hosting, owner: Owner) -> Address:
    network = await repository.find_shared(uow, owner.cluster_id)
    if network is None:
        network = await _record(uow, None, owner.cluster_id, hosting.cidr)
    used = await _used(uow, network.id, owner.cluster_id)
    ip = rules.first_free(hosting.first, hosting.last, used)
    if ip is None:
        raise NoFreeAddressError(
            f"All addresses from {hosting.first} to {hosting.last} are in use",
            hint="An admin can give the cluster more of them",
        )
    return await _give(uow, network.id, ip, owner)


async def _used(uow: Uow, network_id: str, cluster_id: str) -> set[str]:
    used = await repository.used_ips(uow, network_id)
    # There may be guests of others, and after a restore some that this copy does not know.
    return used | await infra.foreign_addresses(uow, cluster_id)


async def _give(uow: Uow, network_id: str, ip: IPv4Address, owner: Owner) -> Address:
    mac = rules.mac_for(ip)
    uow.session.add(
        AddressRow(network_id=network_id, ip=str(ip), instance_id=owner.instance_id, mac=mac)
    )
    await uow.session.flush()
    return Address(network_id, ip, mac)


async def _reserve_network(
    uow: Uow, within: IPv4Network, project_id: str, cluster_id: str
) -> NetworkRow:
    reserved = await platform_settings.get(uow, settings.RESERVED)
    cidr = rules.next_network(within, await repository.used_cidrs(uow), reserved)
    if cidr is None:
        raise NoFreeNetworkError(f"The range {within} has no free network left")
    return await _record(uow, project_id, cluster_id, cidr)


async def _record(
    uow: Uow, project_id: str | None, cluster_id: str, cidr: IPv4Network
) -> NetworkRow:
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
