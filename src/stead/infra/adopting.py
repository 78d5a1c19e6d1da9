"""Use cases of adoption: a project takes a guest over that somebody else made, as it is.

Nothing is changed on the engine: a driver writes its mark only into guests that it made. What
begins is that the guest is claimed, counts as the project's, and that changes to it are told.
"""

from typing import Final

from stead.core import authz
from stead.core.authz import Action, Actor, NotFoundError
from stead.core.db import Uow
from stead.identity import public as identity
from stead.infra import clusters, inventory, news, repository, service
from stead.infra.errors import NotAdoptableError, ReadOnlyError
from stead.infra.models import AdoptedRow, ClusterRow, SightingRow
from stead.infra.news import Item, Kind
from stead.infra.rules import Mode, Standing, Wanted
from stead.infra.schemas import AdoptionOut
from stead.kit import clock, ids

_LONGEST: Final = 63
_BEGINS: Final = (
    "Its name is taken: nothing of ours can be called that",
    "Its address is taken: no deployment gets it",
    "Its size counts as given to the project's cluster",
    "What changes about it outside Stead is shown as drift",
)
_STAYS: Final = "Nothing is changed on the cluster; releasing it ends all of this"


async def preview(uow: Uow, actor: Actor, name_or_id: str, guest: str) -> AdoptionOut:
    """Return exactly what adopting a guest would manage. Raises NotAdoptable."""
    authz.enter(actor, Action.PLATFORM_READ)
    cluster, sighting = await _stranger(uow, name_or_id, guest)
    return _shown(cluster, sighting, "")


async def adopt(uow: Uow, actor: Actor, name_or_id: str, guest: str, project: str) -> AdoptionOut:
    """Let a project take a guest over as it is. Raises NotAdoptable for one that is taken."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    cluster, sighting = await _stranger(uow, name_or_id, guest)
    project_id = await identity.find_project_id(uow, project)
    if project_id is None:
        raise NotFoundError(f"There is no project {project}")
    row = AdoptedRow(
        id=ids.new_id(),
        cluster_id=cluster.id,
        native_name=sighting.native_name,
        project_id=project_id,
        adopted_by=actor.name[:120],
        adopted_at=clock.utc_now(),
    )
    uow.session.add(row)
    await service.claim(uow, cluster.id, row.native_name, owner=row.id, key=sighting.key)
    await uow.session.flush()
    claim = await repository.find_claim(uow, cluster.id, row.native_name)
    if claim is not None:
        claim.wanted = Wanted.UNSET
        inventory.agree(claim, sighting)
        inventory.judge(sighting, claim)
    words = f"{actor.name} adopted {row.native_name} into the project {project}"
    await news.tell(uow, cluster.id, [Item(Kind.ADOPTED, words, row.native_name)])
    return _shown(cluster, sighting, project)


async def release(uow: Uow, actor: Actor, name_or_id: str, guest: str) -> None:
    """Take an adoption back: the guest is a stranger again and stays as it is."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    cluster = await clusters.find(uow, name_or_id)
    name = inventory.clean(guest, 255)
    row = await repository.find_adopted(uow, cluster.id, name)
    if row is None:
        if await repository.find_sighting(uow, cluster.id, name) is None:
            raise NotFoundError("There is no such guest on this cluster")
        raise NotAdoptableError(f"{name} was not adopted")
    await service.release_claims(uow, row.id)
    await uow.session.delete(row)
    words = f"{actor.name} released {row.native_name}; it stays as it is"
    await news.tell(uow, cluster.id, [Item(Kind.ADOPTED, words, row.native_name)])


async def _stranger(uow: Uow, name_or_id: str, guest: str) -> tuple[ClusterRow, SightingRow]:
    cluster = await clusters.find(uow, name_or_id)
    sighting = await repository.find_sighting(uow, cluster.id, inventory.clean(guest, 255))
    if sighting is None or sighting.standing == Standing.RELEASED:
        raise NotFoundError("There is no such guest on this cluster")
    if cluster.mode == Mode.READ_ONLY:
        raise ReadOnlyError(
            f"The cluster {cluster.name} is only looked at", hint="Take it over first"
        )
    if sighting.standing != Standing.UNKNOWN or sighting.missed:
        raise NotAdoptableError(
            f"{sighting.native_name} is {sighting.standing}; only unknown guests that are there"
            " can be adopted"
        )
    if len(sighting.native_name) > _LONGEST:
        raise NotAdoptableError("Its name is longer than any that Stead can manage")
    return cluster, sighting


def _shown(cluster: ClusterRow, sighting: SightingRow, project: str) -> AdoptionOut:
    facts = sighting.facts or {}
    return AdoptionOut(
        cluster=cluster.name,
        guest=sighting.native_name,
        project=project,
        state=sighting.state,
        kind=sighting.kind,
        node=sighting.node,
        addresses=list(dict.fromkeys([*sighting.addresses, *facts.get("addresses", [])])),
        cores=sighting.cores,
        memory_mb=sighting.memory_mb,
        disk_gb=sighting.disk_gb,
        begins=list(_BEGINS),
        on_the_cluster=_STAYS,
    )
