"""Shapes of clusters and their guests in the API."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from stead.core.answers import Versioned
from stead.infra.rules import Standing


class CapabilityOut(BaseModel):
    """One thing a cluster can do, cannot do or can do within limits; with the reason."""

    ability: str
    verdict: str
    reason: str


class AmountOut(BaseModel):
    """What guests were given together."""

    cores: int = 0
    memory_mb: int = 0
    disk_gb: int = 0


class CapacityOut(BaseModel):
    """What is given out: to guests of ours, and to those that nobody here knows."""

    ours: AmountOut
    unknown: AmountOut


class MaintenanceIn(BaseModel):
    """Whether a cluster takes nothing new, and why."""

    model_config = ConfigDict(extra="forbid")

    on: bool
    reason: str = Field(default="", max_length=200)


class MaintenanceOut(BaseModel):
    """Whether a cluster takes nothing new, and who said so."""

    on: bool
    reason: str
    by: str
    since: datetime | None


class ClusterOut(Versioned):
    """A cluster as its watcher last heard from it.

    ``state`` is ``new`` before the first answer, ``ok``, ``away`` (nothing answers), ``refused``
    (it does not accept our credentials), ``failing``, or ``unwatched`` when nobody looks.
    """

    # What the watcher says of it; everything else is said by people.
    volatile = frozenset(
        {
            "state",
            "state_since",
            "last_error",
            "looked_at",
            "version",
            "nodes",
            "guests",
            "capabilities",
            "capacity",
            "events",
        }
    )

    id: str
    name: str
    engine: str
    simulated: bool
    state: str
    state_since: datetime | None
    last_error: str
    looked_at: datetime | None
    version: str
    nodes: list[str]
    maintenance: MaintenanceOut
    guests: dict[Standing, int]


class EventOut(BaseModel):
    """Something that changed on a cluster."""

    at: datetime
    kind: str
    guest: str
    text: str


class ClusterDetailOut(ClusterOut):
    """A cluster with what it can do, what it carries and what happened on it lately."""

    capabilities: list[CapabilityOut]
    capacity: CapacityOut
    events: list[EventOut]


class GuestOut(BaseModel):
    """A guest on a cluster, ours or not. ``claimed_by`` is the instance that it belongs to."""

    name: str
    standing: Standing = Field(serialization_alias="class")
    reason: str
    state: str
    kind: str
    node: str
    addresses: list[str]
    cores: int
    memory_mb: int
    disk_gb: int
    owner: str
    claimed_by: str
    first_seen_at: datetime | None
    last_seen_at: datetime | None


class GuestsOut(BaseModel):
    """A page of guests by name; ``following`` asks for the next one."""

    items: list[GuestOut]
    following: str
    counts: dict[Standing, int]
