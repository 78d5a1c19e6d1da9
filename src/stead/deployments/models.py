"""Tables of deployments. Secret inputs lie in the vault under the deployment's id."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime
from stead.core.durable import Json


class SnapshotRow(Base):
    """A state of a deployment's disk; ``contents`` tells which version and settings were on it."""

    __tablename__ = "deployment_snapshot"
    __table_args__ = (UniqueConstraint("deployment_id", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    deployment_id: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    package_version: Mapped[str] = mapped_column(String(40))
    contents: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeploymentRow(Base):
    """A package installed, or being installed or removed."""

    __tablename__ = "deployment"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(String(40))
    package_id: Mapped[str] = mapped_column(String(40))
    package_version: Mapped[str] = mapped_column(String(40))
    package_digest: Mapped[str] = mapped_column(String(64))
    # Where the package came from; what came with the server came from nowhere else.
    source_id: Mapped[str | None] = mapped_column(String(26))
    manifest: Mapped[dict[str, Json]] = mapped_column(JSON)
    inputs: Mapped[dict[str, str | int | bool]] = mapped_column(JSON)
    instance_id: Mapped[str] = mapped_column(String(26))
    state: Mapped[str] = mapped_column(String(16))
    operation_id: Mapped[str] = mapped_column(String(26))
    requested_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    live_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ChangeRow(Base):
    """What a deployment is to be; once it is, what it was. Secrets lie in the vault beside it."""

    __tablename__ = "deployment_change"

    deployment_id: Mapped[str] = mapped_column(ForeignKey("deployment.id"), primary_key=True)
    operation_id: Mapped[str] = mapped_column(String(26))
    stage: Mapped[str] = mapped_column(String(16))
    package_version: Mapped[str] = mapped_column(String(40))
    package_digest: Mapped[str] = mapped_column(String(64))
    source_id: Mapped[str | None] = mapped_column(String(26))
    manifest: Mapped[dict[str, Json]] = mapped_column(JSON)
    inputs: Mapped[dict[str, str | int | bool]] = mapped_column(JSON)
