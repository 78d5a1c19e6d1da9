"""What changed on a cluster, in the order in which it was noticed."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stead.core.db import Uow
from stead.infra import repository
from stead.infra.models import ClusterEventRow
from stead.kit import clock, ids

# Published when clusters come, go, or are reached otherwise.
CLUSTERS: Final = "clusters"
# More than this at once is told in one sentence for each kind.
MANY: Final = 100
_NAMED: Final = 3
_KEPT: Final = 2000
_LENGTH: Final = 500


class Kind(StrEnum):
    """What happened."""

    FIRST_LOOK = "first_look"
    APPEARED = "appeared"
    GONE = "gone"
    STATE = "state"
    KNOWN = "known"
    UNKNOWN = "unknown"
    LOST = "lost"
    CHANGED = "changed"
    MOVED = "moved"
    UNREACHABLE = "unreachable"
    ACCEPTED = "accepted"
    AWAY = "away"
    BACK = "back"
    MAINTENANCE = "maintenance"
    CONNECTED = "connected"
    RISK = "risk"
    POLICY = "policy"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news; ``guest`` is empty when the cluster itself is meant."""

    kind: Kind
    text: str
    guest: str = ""


def topic(cluster_id: str) -> str:
    """Return what is published when something on a cluster has changed."""
    return f"inventory:{cluster_id}"


def claims_topic(cluster_id: str) -> str:
    """Return what is published when claims on a cluster's guests have changed."""
    return f"claims:{cluster_id}"


async def tell(uow: Uow, cluster_id: str, items: list[Item]) -> None:
    """Write news down and wake who waits for them."""
    if not items:
        return
    now = clock.utc_now()
    uow.session.add_all(
        ClusterEventRow(
            id=ids.new_id(),
            cluster_id=cluster_id,
            at=now,
            kind=item.kind,
            guest=item.guest,
            text=item.text[:_LENGTH],
        )
        for item in (items if len(items) <= MANY else _condensed(items))
    )
    await uow.session.flush()
    await repository.prune_events(uow, cluster_id, _KEPT)
    uow.wake(topic(cluster_id))


def _condensed(items: list[Item]) -> list[Item]:
    by_kind: dict[Kind, list[str]] = defaultdict(list)
    for item in items:
        by_kind[item.kind].append(item.guest)
    return [
        Item(kind, f"{len(names)} guests at once: {', '.join(names[:_NAMED])} and others")
        for kind, names in by_kind.items()
    ]
