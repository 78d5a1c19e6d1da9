"""Shapes of clusters and their guests in the API."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from stead.core.answers import Versioned
from stead.engines.values import GuestKind
from stead.infra.rules import Mode, Standing


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


class OvercommitIn(BaseModel):
    """How many times of what a cluster has may be given out; null is no limit."""

    model_config = ConfigDict(extra="forbid")

    cores: float | None = Field(default=None, gt=0, le=100)
    memory: float | None = Field(default=None, gt=0, le=100)
    disk: float | None = Field(default=None, gt=0, le=100)


class CapacityOut(BaseModel):
    """What is given out: to guests of ours, and to those that nobody here knows.

    ``physical`` is what the cluster has and ``used`` what is really in use, as of the last
    survey; both are 0 where it does not say.
    """

    ours: AmountOut
    unknown: AmountOut
    physical: AmountOut
    used: AmountOut
    policy: OvercommitIn


class MaintenanceIn(BaseModel):
    """Whether a cluster takes nothing new, and why."""

    model_config = ConfigDict(extra="forbid")

    on: bool
    reason: str = Field(default="", max_length=200)


class HostingIn(BaseModel):
    """What deployments get on a cluster.

    ``image`` is a template or an archive of ours, as the engine names it. Guests get addresses
    from ``first`` to ``last`` on ``network``, which is the cluster's own and shared by projects.
    ``nesting`` lets apps that ask for it run containers of their own in their guests. ``kind``
    is what guests are: with ``vm`` the image is a template of a virtual machine.
    """

    model_config = ConfigDict(extra="forbid")

    image: str = Field(max_length=200, examples=["local:vztmpl/stead-base.tar.zst"])
    network: str = Field(max_length=18, examples=["192.0.2.0/24"])
    first: str = Field(max_length=15, examples=["192.0.2.100"])
    last: str = Field(max_length=15, examples=["192.0.2.199"])
    gateway: str = Field(default="", max_length=15)
    nameserver: str = Field(default="", max_length=15)
    nesting: bool = False
    kind: GuestKind = GuestKind.CONTAINER


class HostingOut(HostingIn):
    """What deployments get on a cluster, and who said so."""

    set_by: str
    set_at: datetime


class MaintenanceOut(BaseModel):
    """Whether a cluster takes nothing new, and who said so."""

    on: bool
    reason: str
    by: str
    since: datetime | None


class ClusterOut(Versioned):
    """A cluster as its watcher last heard from it.

    ``state`` is ``new`` before the first answer, ``ok``, ``away`` (nothing answers), ``refused``
    (it does not accept our credentials), ``certificate`` (it shows another one than the
    confirmed one), ``blind`` (we may not see its guests), ``failing``, or ``unwatched`` when
    nobody looks. A ``read_only`` cluster is looked at and never changed.
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
            "surveyed_at",
            "node_facts",
            "storages",
            "findings",
            "checked_at",
            "checks",
        }
    )

    id: str
    name: str
    engine: str
    mode: Mode
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


class NodeOut(BaseModel):
    """A host as the last survey found it; what nobody tells is null."""

    name: str
    online: bool
    cores: int | None
    memory_mb: int | None
    memory_used_mb: int | None
    evacuated: bool = False
    domain: str = ""


class StorageOut(BaseModel):
    """A storage as one node has it."""

    name: str
    node: str
    kind: str
    usable: bool
    shared: bool
    needed: bool
    total_gb: int | None
    used_gb: int | None


class FindingOut(BaseModel):
    """A risk: how bad it is, what it concerns, and what to do about it."""

    code: str
    severity: str
    subject: str
    text: str
    fix: str


class CheckOut(BaseModel):
    """One thing that the last test looked at, and what does not work without it."""

    topic: str
    name: str
    ok: bool
    text: str
    disables: list[str]
    fix: str


class ClusterDetailOut(ClusterOut):
    """A cluster with what it can do, what it carries and what happened on it lately.

    ``options`` are how it was connected; secrets are never among them. ``hosts`` says that it
    can take deployments, which it does once there is a ``hosting``.
    """

    options: dict[str, str]
    fingerprint: str
    connected_by: str
    hosts: bool
    hosting: HostingOut | None
    surveyed_at: datetime | None
    node_facts: list[NodeOut]
    storages: list[StorageOut]
    findings: list[FindingOut]
    checked_at: datetime | None
    checks: list[CheckOut]
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
    tags: list[str]
    risks: list[str]
    adopted: bool


class GuestsOut(BaseModel):
    """A page of guests by name; ``following`` asks for the next one."""

    items: list[GuestOut]
    following: str
    counts: dict[Standing, int]


class FieldOut(BaseModel):
    """An option that an engine's clusters are connected with. Secret ones are never shown."""

    name: str
    label: str
    help: str
    required: bool
    secret: bool
    multiline: bool
    default: str


class EngineOut(BaseModel):
    """An engine whose clusters can be connected.

    ``address`` names the option with the URL; it is empty where no network is between.
    """

    engine: str
    title: str
    address: str
    pin: str
    fields: list[FieldOut]


class ProbeIn(BaseModel):
    """Where to look at a certificate."""

    model_config = ConfigDict(extra="forbid")

    engine: str = Field(max_length=20, examples=["simulator"])
    options: dict[str, str] = Field(default={}, max_length=40)


class ProbeOut(BaseModel):
    """The certificate that an address shows, for a person to compare on the host itself.

    All but the engine is empty where there is none. ``trusted`` is what was confirmed before.
    """

    engine: str
    host: str = ""
    port: int = 0
    fingerprint: str = ""
    subject: str = ""
    issuer: str = ""
    expires_at: datetime | None = None
    trusted: str = ""


class CertificateIn(BaseModel):
    """The fingerprint that was compared."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(max_length=200, examples=["AB" * 32])


class NewClusterIn(BaseModel):
    """A cluster to connect, with the fingerprint of the certificate that was compared."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=40)
    engine: str = Field(max_length=20, examples=["simulator"])
    options: dict[str, str] = Field(default={}, max_length=40)
    fingerprint: str = Field(default="", max_length=200)


class ConnectedOut(BaseModel):
    """The cluster on record, and the operation that tests it."""

    cluster: ClusterOut
    operation_id: str


class NodeIn(BaseModel):
    """A node of a cluster, by its name there."""

    model_config = ConfigDict(extra="forbid")

    node: str = Field(min_length=1, max_length=120)


class TestOut(BaseModel):
    """The operation that was begun on a cluster, such as its test."""

    operation_id: str


class CredentialsIn(BaseModel):
    """New credentials, by the names of the engine's options."""

    model_config = ConfigDict(extra="forbid")

    options: dict[str, str] = Field(max_length=40, examples=[{"secret": "made-by-attack"}])


class AdoptIn(BaseModel):
    """The project that takes a guest over."""

    model_config = ConfigDict(extra="forbid")

    project: str = Field(max_length=40)


class AdoptionOut(BaseModel):
    """A guest as it is, and what managing it means. ``begins`` is what Stead would do."""

    cluster: str
    guest: str
    project: str
    state: str
    kind: str
    node: str
    addresses: list[str]
    cores: int
    memory_mb: int
    disk_gb: int
    begins: list[str]
    on_the_cluster: str
