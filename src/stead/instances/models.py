"""Tables of instances."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class InstanceRow(Base):
    """A container of a project, from its reservation to its release."""

    __tablename__ = "instance"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"))
    network_id: Mapped[str] = mapped_column(ForeignKey("network.id"))
    name: Mapped[str] = mapped_column(String(40))
    native_name: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(120))
    ip: Mapped[str] = mapped_column(String(15))
    mac: Mapped[str] = mapped_column(String(17))
    cores: Mapped[int] = mapped_column(Integer)
    memory_mb: Mapped[int] = mapped_column(Integer)
    disk_gb: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WarmPoolRow(Base):
    """How many guests of a size a cluster keeps ready; without a row it keeps none."""

    __tablename__ = "warm_pool"

    cluster_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    size: Mapped[str] = mapped_column(String(10), primary_key=True)
    wanted: Mapped[int] = mapped_column(Integer)


class WarmGuestRow(Base):
    """A guest that is kept ready: it has never run, and belongs to no project.

    ``made`` says that it can be taken, ``taken_by`` which instance is about to become of it.
    """

    __tablename__ = "warm_guest"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    cluster_id: Mapped[str] = mapped_column(String(26), index=True)
    size: Mapped[str] = mapped_column(String(10))
    image: Mapped[str] = mapped_column(String(200))
    native_name: Mapped[str] = mapped_column(String(63))
    made: Mapped[bool] = mapped_column(default=False)
    taken_by: Mapped[str | None] = mapped_column(String(26), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
