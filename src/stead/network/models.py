"""Tables of network."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class NetworkRow(Base):
    """One project's own network on one cluster, or the one that a cluster's guests share.

    A shared one belongs to no project, is not made by us, and is known while it has guests.
    """

    __tablename__ = "network"
    __table_args__ = (
        UniqueConstraint("project_id", "cluster_id"),
        # Two clusters may stand in one network of others, with addresses of their own each.
        Index(
            "uq_network_cidr_own",
            "cidr",
            unique=True,
            sqlite_where=text("project_id IS NOT NULL"),
            postgresql_where=text("project_id IS NOT NULL"),
        ),
        Index(
            "uq_network_cluster_id_shared",
            "cluster_id",
            unique=True,
            sqlite_where=text("project_id IS NULL"),
            postgresql_where=text("project_id IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str | None] = mapped_column(ForeignKey("project.id"))
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    native_name: Mapped[str] = mapped_column(String(15), unique=True)
    cidr: Mapped[str] = mapped_column(String(18))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AddressRow(Base):
    """An address that belongs to an instance from the moment it is asked for."""

    __tablename__ = "address"

    network_id: Mapped[str] = mapped_column(ForeignKey("network.id"), primary_key=True)
    ip: Mapped[str] = mapped_column(String(15), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(26), unique=True)
    mac: Mapped[str] = mapped_column(String(17), unique=True)
