"""Tables of agents. Keys lie in the vault under the agent's id."""

from datetime import datetime

from sqlalchemy import JSON, Boolean, Float, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import SHORT_LIVED, Base, UtcDateTime


class EnrolmentRow(Base):
    """A one-time token for the agent of one instance."""

    __tablename__ = "enrolment"
    __table_args__ = SHORT_LIVED

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(26), index=True)
    key_hash: Mapped[str | None] = mapped_column(String(64))
    # The only one that it is taken from; None for any.
    address: Mapped[str | None] = mapped_column(String(45))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AgentRow(Base):
    """The agent of one instance."""

    __tablename__ = "agent"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(26), unique=True)
    version: Mapped[str] = mapped_column(String(40))
    program: Mapped[str | None] = mapped_column(String(64))
    facts: Mapped[dict[str, str]] = mapped_column(JSON)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    load: Mapped[float | None] = mapped_column(Float)
    transport: Mapped[str] = mapped_column(
        String(8), default="https", server_default=text("'https'")
    )
    changing_limit: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    quick_limit: Mapped[int] = mapped_column(Integer, default=2, server_default=text("2"))


class NonceRow(Base):
    """A request that an agent made, so that nobody makes it again."""

    __tablename__ = "agent_nonce"
    __table_args__ = SHORT_LIVED

    agent_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires: Mapped[float] = mapped_column(Float, index=True)


class JobRow(Base):
    """One piece of work for an agent; ``key`` makes asking twice harmless."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_instance_id_state", "instance_id", "state"),
        Index("ix_job_requested_by_id", "requested_by", "id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    instance_id: Mapped[str] = mapped_column(String(26))
    operation_id: Mapped[str] = mapped_column(String(26), index=True)
    step: Mapped[str] = mapped_column(String(80))
    package_id: Mapped[str] = mapped_column(String(40))
    package_version: Mapped[str] = mapped_column(String(40))
    package_digest: Mapped[str] = mapped_column(String(64))
    script: Mapped[str] = mapped_column(String(80))
    inputs: Mapped[dict[str, str | int | bool]] = mapped_column(JSON)
    secret_owner: Mapped[str] = mapped_column(String(60))
    secret_names: Mapped[list[str]] = mapped_column(JSON)
    limit_seconds: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    nonce: Mapped[str] = mapped_column(String(32), default="")
    lease_until: Mapped[float] = mapped_column(Float, default=0)
    not_before: Mapped[float] = mapped_column(Float, default=0)
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    epoch: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(20), default="package")
    lane: Mapped[str] = mapped_column(String(10), server_default=text("'changing'"))
    arguments: Mapped[dict[str, str | int | bool]] = mapped_column(JSON, default=dict)
    requested_by: Mapped[str] = mapped_column(String(80), default="")
    trace: Mapped[str] = mapped_column(String(55), default="", server_default=text("''"))
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    outcome: Mapped[str | None] = mapped_column(String(16))
    exit_code: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(2000), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
