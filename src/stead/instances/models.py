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
