"""What deployments get on a connected cluster: what guests begin as, and which addresses.

A cluster that was taken over takes deployments once an admin has said both. The network there is
the cluster's own, so projects share it; saying it is the explicit decision to share.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.settings import Settings
from stead.engines import connections
from stead.engines.capabilities import Ability, Verdict
from stead.engines.values import GuestKind
from stead.infra import clusters, news, repository, spans
from stead.infra.errors import FullError, HostingError, NotHostingError
from stead.infra.models import ClusterRow, HostedRow, HostingRow
from stead.infra.news import Item, Kind
from stead.infra.rules import Mode
from stead.infra.schemas import ClusterDetailOut, HostingIn
from stead.infra.service import LOCAL
from stead.kit import clock

_AGENTS: Final = "Set server.agent_address to an address of this machine that guests there reach"


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a guest of ours gets on a cluster."""

    image: str
    cidr: IPv4Network
    first: IPv4Address
    last: IPv4Address
    gateway: IPv4Address | None
    nameserver: str
    kind: GuestKind


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster that takes deployments. On a shared one all projects are on one network."""

    id: str
    name: str
    engine: str
    shared: bool


async def set_hosting(
    uow: Uow, actor: Actor, settings: Settings, name_or_id: str, asked: HostingIn
) -> ClusterDetailOut:
    """Let a cluster take deployments; guests that are there keep what they have.

    Raises HostingError for what cannot be, NotHostingError for a cluster that cannot take any.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await clusters.find(uow, name_or_id)
    _require_able(row, settings)
    wrong = {} if asked.image.strip() else {"image": "Name a template or an archive"}
    wrong = wrong or _wrong_kind(row, asked.kind)
    wrong = wrong or spans.problems(asked.model_dump(), settings.network.range)
    others = [one for one in await repository.hostings(uow) if one.cluster_id != row.id]
    span = (asked.first, asked.last)
    if not wrong and any(spans.share(span, (one.first, one.last)) for one in others):
        wrong = {"first": "Another cluster gives out addresses of this range"}
    if wrong:
        raise HostingError("The cluster cannot take deployments like that", fields=wrong)
    found = await repository.find_hosting(uow, row.id) or HostingRow(cluster_id=row.id)
    for name, value in asked.model_dump().items():
        setattr(found, name, value)
    found.set_by, found.set_at = actor.name[:120], clock.utc_now()
    uow.session.add(found)
    words = f"{actor.name} lets deployments be put there, with {asked.first} to {asked.last}"
    await news.tell(uow, row.id, [Item(Kind.POLICY, words)])
    await uow.session.flush()
    return await clusters.get_(uow, actor, row.id)


async def end_hosting(uow: Uow, actor: Actor, name_or_id: str) -> None:
    """Let a cluster take no more deployments; those that are there stay. Twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await clusters.find(uow, name_or_id)
    found = await repository.find_hosting(uow, row.id)
    if found is not None:
        await uow.session.delete(found)
        words = f"{actor.name} lets no more deployments be put there"
        await news.tell(uow, row.id, [Item(Kind.POLICY, words)])


async def targets(uow: Uow) -> list[Target]:
    """Return the clusters that take deployments now, the server's own one first."""
    hosting = {one.cluster_id for one in await repository.hostings(uow)}
    return [
        _target(row)
        for row in sorted(await repository.clusters(uow), key=lambda row: row.name != LOCAL)
        if not row.maintenance
        and (row.mode == Mode.EMBEDDED or (row.mode == Mode.MANAGED and row.id in hosting))
    ]


async def target(uow: Uow, name: str) -> Target:
    """Return the cluster that somebody wants to deploy to. Raises NotHostingError."""
    row = await repository.find_cluster(uow, name)
    known = row is not None and (
        row.mode == Mode.EMBEDDED
        or (row.mode == Mode.MANAGED and await repository.find_hosting(uow, row.id) is not None)
    )
    if row is None or not known:
        # Whoever deploys need not know of clusters that are not for them.
        raise NotHostingError(
            f"No cluster {name} takes deployments",
            hint="See which do: stead cluster targets. An admin lets others take them",
            fields={"cluster": "Choose another one"},
        )
    return _target(row)


async def known_target(uow: Uow, name: str) -> Target:
    """Do as ``target`` for those who may know every cluster. Raises NotFound for no such one."""
    return await target(uow, (await clusters.find(uow, name)).id)


async def takes_deployments(uow: Uow, cluster_id: str) -> bool:
    """Tell whether a cluster takes deployments, in maintenance too."""
    row = await repository.look_up(uow, cluster_id)
    return row is not None and (
        row.mode == Mode.EMBEDDED or await repository.find_hosting(uow, cluster_id) is not None
    )


async def name_of(uow: Uow, cluster_id: str) -> str:
    """Return what a cluster is called."""
    return (await repository.get_cluster(uow, cluster_id)).name


async def node_of(uow: Uow, cluster_id: str, owner: str) -> str:
    """Return the node that an owner's guest was seen on, or the only one there is, or nothing."""
    nodes = (await repository.get_cluster(uow, cluster_id)).nodes
    claim = await repository.claim_of(uow, owner)
    seen = claim.node if claim is not None else ""
    return seen or (nodes[0] if len(nodes) == 1 else "")


async def of(uow: Uow, cluster_id: str) -> Hosting | None:
    """Return what guests get on a cluster; None where they have networks of ours."""
    row = await repository.find_hosting(uow, cluster_id)
    if row is None:
        return None
    return Hosting(
        image=row.image,
        cidr=IPv4Network(row.network),
        first=IPv4Address(row.first),
        last=IPv4Address(row.last),
        gateway=IPv4Address(row.gateway) if row.gateway else None,
        nameserver=row.nameserver,
        kind=GuestKind(row.kind),
    )


async def take_place(uow: Uow, cluster_id: str, owner: str) -> None:
    """Reserve a place for a guest, with a number of its own where guests have numbers."""
    row = await repository.get_cluster(uow, cluster_id)
    if row.mode == Mode.EMBEDDED:
        return
    span = connections.of(row.engine).numbers(row.options)
    taken = await repository.numbers(uow, cluster_id)
    number = next((one for one in span if one not in taken), None)
    if span and number is None:
        raise FullError(
            f"All guest numbers of the cluster {row.name} are taken",
            hint="An admin can connect it with a longer range of numbers",
        )
    uow.session.add(HostedRow(owner=owner, cluster_id=cluster_id, number=number))
    await uow.session.flush()


async def number_of(uow: Uow, owner: str) -> int | None:
    """Return the number that is reserved for an owner's guest, if there is one."""
    row = await repository.find_hosted(uow, owner)
    return row.number if row is not None else None


async def pass_place(uow: Uow, giver: str, taker: str) -> None:
    """Let an owner go on at the place, and with the number, of another one."""
    row = await repository.find_hosted(uow, giver)
    if row is not None:
        cluster_id, number = row.cluster_id, row.number
        for owner in (giver, taker):
            await repository.delete_hosted(uow, owner)
        uow.session.expunge(row)
        uow.session.add(HostedRow(owner=taker, cluster_id=cluster_id, number=number))
        await uow.session.flush()


async def leave_place(uow: Uow, owner: str) -> None:
    """Give an owner's place back; none is fine."""
    await repository.delete_hosted(uow, owner)


def _wrong_kind(row: ClusterRow, kind: GuestKind) -> dict[str, str]:
    """Return why guests cannot be of a kind; a cluster that was not looked at yet may."""
    wanted = Ability.VMS if kind is GuestKind.VM else Ability.CONTAINERS
    entry = next((one for one in row.capabilities if one["ability"] == wanted), None)
    if entry is None or entry["verdict"] != Verdict.NO:
        return {}
    return {"kind": f"The cluster makes none of those: {entry['reason']}"}


def _require_able(row: ClusterRow, settings: Settings) -> None:
    if row.mode == Mode.EMBEDDED:
        raise NotHostingError(f"{row.name} is the server's own and takes deployments anyway")
    if not connections.of(row.engine).hosts:
        raise NotHostingError(
            f"Clusters of {connections.of(row.engine).title} that were connected take no"
            " deployments",
            hint="Their guests can be looked at and adopted",
        )
    if row.mode == Mode.READ_ONLY:
        raise NotHostingError(
            f"The cluster {row.name} is only looked at", hint="Take it over first"
        )
    if settings.server.agent_address is None:
        raise NotHostingError("Agents of guests there have no address to call", hint=_AGENTS)


def _target(row: ClusterRow) -> Target:
    return Target(row.id, row.name, row.engine, row.mode != Mode.EMBEDDED)
