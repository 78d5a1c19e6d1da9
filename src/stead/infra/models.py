"""Tables of infra."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class ClusterRow(Base):
    """One connected installation of an engine."""

    __tablename__ = "cluster"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    engine: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SightingRow(Base):
    """A guest as the last look at a cluster found it, ours or not."""

    __tablename__ = "sighting"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    native_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    owner: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(16))
    addresses: Mapped[list[str]] = mapped_column(JSON)


class ClaimRow(Base):
    """A guest on a cluster that is ours: made, or about to be made, by an operation."""

    __tablename__ = "claim"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), primary_key=True)
    native_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    owner: Mapped[str] = mapped_column(String(26), index=True)
    key: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
