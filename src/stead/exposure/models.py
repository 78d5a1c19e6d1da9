"""Tables of exposure."""

from datetime import datetime

from sqlalchemy import JSON, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime
from stead.core.pki import LEAF_DAYS


class RouteRow(Base):
    """A host name or a TCP port that leads to an instance's port."""

    __tablename__ = "route"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    owner: Mapped[str] = mapped_column(String(26), index=True)
    service: Mapped[str] = mapped_column(String(40))
    protocol: Mapped[str] = mapped_column(String(4))
    host: Mapped[str] = mapped_column(String(253))
    http_host: Mapped[str | None] = mapped_column(String(253), unique=True)
    port: Mapped[int | None] = mapped_column(Integer, unique=True)
    backend_ip: Mapped[str] = mapped_column(String(45))
    backend_port: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(String(240))
    probe_send: Mapped[str] = mapped_column(String(1024))
    probe_expect: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))


class CertificateRow(Base):
    """A certificate of the internal CA; its key lies in the vault under its id."""

    __tablename__ = "certificate"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    host: Mapped[str] = mapped_column(String(253), unique=True)
    chain: Mapped[str] = mapped_column(String(20000))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    days: Mapped[int] = mapped_column(Integer, default=LEAF_DAYS, server_default="90")


class EdgeRow(Base):
    """A proxy host and the version of the snapshot that it serves."""

    __tablename__ = "edge"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer, default=0)
    problems: Mapped[dict[str, str]] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(String(2000), default="")
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SnapshotRow(Base):
    """The version that all edges should serve; one row."""

    __tablename__ = "edge_snapshot"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
