"""Clusters over HTTP: what they are, what is on them, and maintenance."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.settings import Settings
from stead.infra import capacity, clusters, hosting
from stead.infra.rules import SHOWN, Place, Standing
from stead.infra.schemas import (
    ClusterDetailOut,
    ClusterOut,
    GuestOut,
    GuestsOut,
    HostingIn,
    MaintenanceIn,
    OvercommitIn,
)

router = APIRouter(prefix="/clusters")
Clusters = Annotated[
    Page, Depends(paged(ClusterOut, sorts=("name", "state"), filters=("name", "engine", "state")))
]
Guests = Annotated[Page, Depends(paged(GuestOut, sorts=("name",), key="name"))]
SettingsDep = Annotated[Settings, Depends(provided(Settings))]
Class = Annotated[
    Standing | None, Query(alias="class", json_schema_extra={"enum": [str(one) for one in SHOWN]})
]


@router.get("")
@action(Action.PLATFORM_READ)
async def list_clusters(
    actor: ActorDep, database: DatabaseDep, page: Clusters
) -> list[ClusterOut]:
    async with database.read() as uow:
        return page.of(await clusters.list_(uow, actor))


@router.get("/{cluster_id}")
@action(Action.PLATFORM_READ)
async def get_cluster(cluster_id: str, actor: ActorDep, database: DatabaseDep) -> ClusterDetailOut:
    """Describe one cluster, by its name or id."""
    async with database.read() as uow:
        return await clusters.get_(uow, actor, cluster_id)


@router.get("/{cluster_id}/guests")
@action(Action.PLATFORM_READ)
async def list_guests(
    cluster_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    page: Guests,
    standing: Class = None,
    after: Annotated[str, Query(max_length=255)] = "",
) -> GuestsOut:
    """List guests by name, of one class or all; continue with ``Link``, or after a name."""
    place = Place(page.key_after() or after, page.limit, descending=page.descending)
    async with database.read() as uow:
        found = await clusters.list_guests(uow, actor, cluster_id, standing, place)
    if found.following:
        page.lead_after(found.items[-1])
    return found


@router.post("/{cluster_id}/maintenance")
@action(Action.PLATFORM_MANAGE)
async def set_maintenance(
    cluster_id: str, body: MaintenanceIn, actor: ActorDep, database: DatabaseDep
) -> ClusterOut:
    """Let a cluster take nothing new, or take it again. What runs there goes on."""
    async with database.write() as uow:
        return await clusters.set_maintenance(uow, actor, cluster_id, body)


@router.post("/{cluster_id}/guests/{guest_id}/accept")
@action(Action.PLATFORM_MANAGE)
async def accept_guest(
    cluster_id: str, guest_id: str, actor: ActorDep, database: DatabaseDep
) -> GuestOut:
    """Take a guest that was changed or moved as it is now."""
    async with database.write() as uow:
        return await clusters.accept(uow, actor, cluster_id, guest_id)


@router.put("/{cluster_id}/overcommit")
@action(Action.PLATFORM_MANAGE)
async def set_overcommit(
    cluster_id: str, body: OvercommitIn, actor: ActorDep, database: DatabaseDep
) -> ClusterDetailOut:
    """Say how many times of what a cluster has may be given out."""
    async with database.write() as uow:
        return await capacity.set_overcommit(uow, actor, cluster_id, body)


@router.put("/{cluster_id}/hosting")
@action(Action.PLATFORM_MANAGE)
async def set_hosting(
    cluster_id: str,
    body: HostingIn,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> ClusterDetailOut:
    """Let deployments be put on a cluster, and say what their guests begin as and get."""
    async with database.write() as uow:
        return await hosting.set_hosting(uow, actor, settings, cluster_id, body)


@router.delete("/{cluster_id}/hosting", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def end_hosting(cluster_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    """Let no more deployments be put on a cluster; those that are there stay."""
    async with database.write() as uow:
        await hosting.end_hosting(uow, actor, cluster_id)
