"""Tables of the fleet. Instances and agents are other domains' rows."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime
from stead.core.durable import Json


class ServerRow(Base):
    """A machine without an engine of ours; its agent is known by this id."""

    __tablename__ = "server"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(String(40))
    added_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class InstallationRow(Base):
    """A package on a machine that was not made for it. Secret inputs lie in the vault."""

    __tablename__ = "installation"
    __table_args__ = (UniqueConstraint("machine_id", "package_id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    machine_id: Mapped[str] = mapped_column(String(26))
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    package_id: Mapped[str] = mapped_column(String(40))
    package_version: Mapped[str] = mapped_column(String(40))
    package_digest: Mapped[str] = mapped_column(String(64))
    # Where the package came from; what came with the server came from nowhere else.
    source_id: Mapped[str | None] = mapped_column(String(26))
    manifest: Mapped[dict[str, Json]] = mapped_column(JSON)
    inputs: Mapped[dict[str, str | int | bool]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    operation_id: Mapped[str] = mapped_column(String(26))
    requested_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    installed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BulkRow(Base):
    """Work on many machines. What it needs to keep secret lies in the vault under its id."""

    __tablename__ = "bulk"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    title: Mapped[str] = mapped_column(String(200))
    work: Mapped[dict[str, Json]] = mapped_column(JSON)
    concurrency: Mapped[int] = mapped_column(Integer)
    canaries: Mapped[int] = mapped_column(Integer)
    accepted_failures: Mapped[int] = mapped_column(Integer)
    operation_id: Mapped[str] = mapped_column(String(26))
    requested_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TargetRow(Base):
    """One machine of work on many; its own operation tells the details."""

    __tablename__ = "bulk_target"

    bulk_id: Mapped[str] = mapped_column(ForeignKey("bulk.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    machine_id: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    operation_id: Mapped[str | None] = mapped_column(String(26))
    reason: Mapped[str] = mapped_column(String(500))
