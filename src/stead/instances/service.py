"""Use cases of instances: reserve everything at once, describe, release everything."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from stead.core.db import Uow
from stead.infra import public as infra
from stead.instances import repository, room
from stead.instances.errors import NameTakenError
from stead.instances.models import InstanceRow
from stead.instances.rules import SHAPES, Shape, Size, native_name
from stead.kit import clock, ids
from stead.network import public as network


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as other domains see it."""

    id: str
    project_id: str
    cluster_id: str
    name: str
    native_name: str
    key: str
    network_id: str
    ip: IPv4Address
    mac: str
    cores: int
    memory_mb: int
    disk_gb: int

    @property
    def shape(self) -> Shape:
        """Return what it gets."""
        return Shape(self.cores, self.memory_mb, self.disk_gb)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. Without a cluster it is the server's own.

    A reachable one may be spoken to by its neighbours on the project's network.
    """

    name: str
    size: Size
    reachable: bool = False
    cluster_id: str | None = None


async def reserve(uow: Uow, within: IPv4Network, project_id: str, wish: Wish) -> Instance:
    """Reserve name, guest id and address in the caller's transaction."""
    name = wish.name
    if await repository.find_by_name(uow, project_id, name) is not None:
        raise NameTakenError(
            f"The project already has something named {name}",
            fields={"name": "This name is taken"},
        )
    cluster_id = wish.cluster_id or await infra.local_cluster_id(uow)
    await infra.require_open(uow, cluster_id)
    shape = SHAPES[wish.size]
    await room.require_for_instance(uow, cluster_id, wish.size)
    instance_id = ids.new_id()
    address = await network.reserve_address(
        uow,
        within,
        network.Owner(project_id, cluster_id, instance_id),
        reachable=wish.reachable,
    )
    row = InstanceRow(
        id=instance_id,
        project_id=project_id,
        cluster_id=cluster_id,
        network_id=address.network_id,
        name=name,
        native_name=native_name(name, instance_id),
        key=instance_id,
        ip=str(address.ip),
        mac=address.mac,
        cores=shape.cores,
        memory_mb=shape.memory_mb,
        disk_gb=shape.disk_gb,
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await infra.claim(uow, cluster_id, row.native_name, owner=instance_id, key=row.key)
    await infra.take_place(uow, cluster_id, instance_id)
    await uow.session.flush()
    return _instance(row)


async def reshape(uow: Uow, instance_id: str, shape: Shape) -> None:
    """Write down what an instance gets from now on. Raises Full where there is no room for it."""
    row = await repository.find(uow, instance_id)
    if row is None:
        return
    more = Shape(
        shape.cores - row.cores, shape.memory_mb - row.memory_mb, shape.disk_gb - row.disk_gb
    )
    await room.require_more(uow, row.cluster_id, more)
    row.cores, row.memory_mb, row.disk_gb = shape.cores, shape.memory_mb, shape.disk_gb


async def find(uow: Uow, instance_id: str) -> Instance | None:
    row = await repository.find(uow, instance_id)
    return _instance(row) if row is not None else None


async def list_(uow: Uow, project_ids: Collection[str] | None) -> list[Instance]:
    """Return the instances of these projects, or of all when there is no selection."""
    return [_instance(row) for row in await repository.list_(uow, project_ids)]


async def release(uow: Uow, instance_id: str) -> None:
    """Give back everything that was reserved, once the guest is gone; twice is fine."""
    await network.release_address(uow, instance_id)
    await infra.release_claims(uow, instance_id)
    await infra.leave_place(uow, instance_id)
    await repository.give_back_warm_guests(uow, instance_id)
    await repository.delete_(uow, instance_id)
    await network.tidy(uow)


def _instance(row: InstanceRow) -> Instance:
    return Instance(
        id=row.id,
        project_id=row.project_id,
        cluster_id=row.cluster_id,
        name=row.name,
        native_name=row.native_name,
        key=row.key,
        network_id=row.network_id,
        ip=IPv4Address(row.ip),
        mac=row.mac,
        cores=row.cores,
        memory_mb=row.memory_mb,
        disk_gb=row.disk_gb,
    )
