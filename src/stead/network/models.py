"""Tables of network."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class NetworkRow(Base):
    """One project's own network on one cluster."""

    __tablename__ = "network"
    __table_args__ = (UniqueConstraint("project_id", "cluster_id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    native_name: Mapped[str] = mapped_column(String(15), unique=True)
    cidr: Mapped[str] = mapped_column(String(18), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AddressRow(Base):
    """An address that belongs to an instance from the moment it is asked for."""

    __tablename__ = "address"

    network_id: Mapped[str] = mapped_column(ForeignKey("network.id"), primary_key=True)
    ip: Mapped[str] = mapped_column(String(15), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(26), unique=True)
    mac: Mapped[str] = mapped_column(String(17), unique=True)
