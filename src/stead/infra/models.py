"""Tables of infra."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class ClusterRow(Base):
    """One connected installation of an engine, and what its watcher last heard from it."""

    __tablename__ = "cluster"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    engine: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16), default="new", server_default="new")
    state_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[str | None] = mapped_column(String(80))
    simulated: Mapped[bool] = mapped_column(default=False, server_default="0")
    nodes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    capabilities: Mapped[list[dict[str, str]]] = mapped_column(
        JSON, default=list, server_default="[]"
    )
    maintenance: Mapped[bool] = mapped_column(default=False, server_default="0")
    maintenance_reason: Mapped[str | None] = mapped_column(String(200))
    maintenance_by: Mapped[str | None] = mapped_column(String(120))
    maintenance_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    watcher: Mapped[str | None] = mapped_column(String(120))
    watched_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mode: Mapped[str] = mapped_column(String(12), default="embedded", server_default="embedded")
    # Never secrets: those are in the vault, under the cluster's id.
    options: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    fingerprint: Mapped[str | None] = mapped_column(String(95))
    # Grows with each change of how the cluster is reached.
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    connected_by: Mapped[str | None] = mapped_column(String(120))
    # How many times of what there is may be given out; what is not named has no limit.
    overcommit: Mapped[dict[str, float]] = mapped_column(JSON, default=dict, server_default="{}")


class HostingRow(Base):
    """What deployments get on a connected cluster; without a row it takes none."""

    __tablename__ = "cluster_hosting"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    image: Mapped[str] = mapped_column(String(200))
    network: Mapped[str] = mapped_column(String(18))
    first: Mapped[str] = mapped_column(String(15))
    last: Mapped[str] = mapped_column(String(15))
    gateway: Mapped[str] = mapped_column(String(15))
    nameserver: Mapped[str] = mapped_column(String(15))
    nesting: Mapped[bool] = mapped_column(default=False, server_default="0")
    kind: Mapped[str] = mapped_column(String(10), server_default="container")
    set_by: Mapped[str] = mapped_column(String(120))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class HostedRow(Base):
    """A place on a connected cluster that one guest of ours has, from before it is made."""

    __tablename__ = "hosted_guest"
    __table_args__ = (UniqueConstraint("cluster_id", "number"),)

    owner: Mapped[str] = mapped_column(String(26), primary_key=True)
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    number: Mapped[int | None]


class SurveyRow(Base):
    """What the last survey of a cluster found, and what the last test of it said."""

    __tablename__ = "cluster_survey"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    nodes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    storages: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    findings: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


class SightingRow(Base):
    """A guest on a cluster, ours or not: as a look last found it, and what it is to us.

    ``missed`` counts the complete looks since that did not find it. ``last_seen_at`` is set with
    the first of them; until then the cluster's last look is meant.
    """

    __tablename__ = "sighting"
    __table_args__ = (Index("ix_sighting_cluster_id_standing", "cluster_id", "standing"),)

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    native_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    owner: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(16))
    addresses: Mapped[list[str]] = mapped_column(JSON)
    kind: Mapped[str] = mapped_column(String(16), default="")
    node: Mapped[str] = mapped_column(String(120), default="")
    mac: Mapped[str] = mapped_column(String(40), default="")
    cores: Mapped[int] = mapped_column(default=0)
    memory_mb: Mapped[int] = mapped_column(default=0)
    disk_gb: Mapped[int] = mapped_column(default=0)
    first_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    missed: Mapped[int] = mapped_column(default=0)
    standing: Mapped[str] = mapped_column(String(12), default="known")
    reason: Mapped[str] = mapped_column(String(400), default="")
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What only surveys find out: addresses that it took, backups, and so on.
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class ClaimRow(Base):
    """A guest on a cluster that is ours: made, or about to be made, by an operation.

    ``agreed`` and ``node`` are what the first look found after ``wanted`` was last set;
    what differs from that later was changed by somebody else.
    """

    __tablename__ = "claim"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    native_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    owner: Mapped[str] = mapped_column(String(26), index=True)
    key: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    wanted: Mapped[str] = mapped_column(String(10), default="any")
    wanted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agreed: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    node: Mapped[str] = mapped_column(String(120), default="")
    missed: Mapped[int] = mapped_column(default=0)


class AdoptedRow(Base):
    """A guest that somebody else made and that a project took over as it was."""

    __tablename__ = "adopted_guest"
    __table_args__ = (UniqueConstraint("cluster_id", "native_name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    native_name: Mapped[str] = mapped_column(String(63))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    adopted_by: Mapped[str] = mapped_column(String(120))
    adopted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClusterEventRow(Base):
    """Something that changed on a cluster, whoever changed it."""

    __tablename__ = "cluster_event"
    __table_args__ = (Index("ix_cluster_event_cluster_id_id", "cluster_id", "id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    guest: Mapped[str] = mapped_column(String(255))
    text: Mapped[str] = mapped_column(String(500))
