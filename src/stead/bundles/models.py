"""Tables of bundles. What was answered lies in the vault under the bundle's id."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime
from stead.core.durable import Json


class BundleRow(Base):
    """A bundle deployed, or being deployed or removed; ``document`` is what it was then."""

    __tablename__ = "bundle"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(String(40))
    bundle: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64))
    document: Mapped[dict[str, Json]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    operation_id: Mapped[str] = mapped_column(String(26))
    requested_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MemberRow(Base):
    """One deployment of a bundle, in the order in which they are made."""

    __tablename__ = "bundle_member"

    bundle_id: Mapped[str] = mapped_column(ForeignKey("bundle.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    package_id: Mapped[str] = mapped_column(String(40))
    deployment_name: Mapped[str] = mapped_column(String(40))
    deployment_id: Mapped[str | None] = mapped_column(String(26))
    operation_id: Mapped[str | None] = mapped_column(String(26))
