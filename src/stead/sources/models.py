"""Tables of sources. The content of packages lies among the blobs, by digest."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class SourceRow(Base):
    """A repository of packages. ``commit`` is what an admin accepted, whatever its branch does.

    Secrets by which it is reached lie in the vault, under its id.
    """

    __tablename__ = "source"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    ref: Mapped[str] = mapped_column(String(120))
    folder: Mapped[str] = mapped_column(String(200))
    signers: Mapped[list[str]] = mapped_column(JSON)
    host_keys: Mapped[list[str]] = mapped_column(JSON)
    authority: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str] = mapped_column(String(200))
    revision: Mapped[str | None] = mapped_column(String(40))
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by: Mapped[str | None] = mapped_column(String(120))
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(String(500))
    added_by: Mapped[str] = mapped_column(String(120))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SnapshotRow(Base):
    """What a source held at one commit, and what an admin thought of it."""

    __tablename__ = "source_snapshot"
    __table_args__ = (UniqueConstraint("source_id", "revision", "folder"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("source.id"))
    revision: Mapped[str] = mapped_column(String(40))
    folder: Mapped[str] = mapped_column(String(200))
    signer: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(120))


class SnapshotPackageRow(Base):
    """One folder of a snapshot: a package, or what is wrong with it."""

    __tablename__ = "source_package"

    snapshot_id: Mapped[str] = mapped_column(ForeignKey("source_snapshot.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[str] = mapped_column(String(40))
    # Of what is run in guests, and of all files.
    digest: Mapped[str | None] = mapped_column(String(64))
    content: Mapped[str | None] = mapped_column(String(64))
    problems: Mapped[list[str]] = mapped_column(JSON)
    # Since when the source has had a package of this name without a break; the first keeps it.
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class VersionRow(Base):
    """What a version of a package was when it was first accepted, which it stays for ever."""

    __tablename__ = "source_version"

    source_id: Mapped[str] = mapped_column(ForeignKey("source.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))


class ProjectSourceRow(Base):
    """A project that uses a source."""

    __tablename__ = "project_source"

    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("source.id"), primary_key=True)
    chosen_by: Mapped[str] = mapped_column(String(120))
    chosen_at: Mapped[datetime] = mapped_column(UtcDateTime)
