"""The tables of durable work; API, console and audit read them through operations."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime
from stead.core.durable.plan import Json


class State(StrEnum):
    """Where an operation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    UNDOING = "undoing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDO_FAILED = "undo_failed"
    INTERRUPTED = "interrupted"
    SETTLED = "settled"
    KEPT = "kept"

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self not in OPEN


OPEN = (State.QUEUED, State.RUNNING, State.UNDOING)


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class OperationRow(Base):
    """One operation. ``fence`` grows with every claim and shuts out former owners.

    ``back_to``: somebody asked for a retry, which first undoes down to this step and then
    goes forward again; -1 undoes everything and ends. ``waits_for`` is what nobody can
    give it now: a place under a limit, or a worker that knows its plan.
    """

    __tablename__ = "operation"
    __table_args__ = (
        Index("ix_operation_state_subject", "state", "subject"),
        Index("ix_operation_state_priority_id", "state", "priority", "id"),
        Index("uq_operation_idempotency", "project_id", "idempotency_key", unique=True),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    plan_version: Mapped[int] = mapped_column(Integer)
    project_id: Mapped[str] = mapped_column(String(26), index=True)
    subject: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(String(200))
    requested_by: Mapped[str] = mapped_column(String(80))
    params: Mapped[dict[str, Json]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    cancellable: Mapped[bool] = mapped_column(Boolean)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    cancel_reason: Mapped[str | None] = mapped_column(String(20))
    keep: Mapped[bool] = mapped_column(Boolean, default=False)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    round: Mapped[int] = mapped_column(Integer, default=0)
    back_to: Mapped[int | None] = mapped_column(Integer)
    waits_for: Mapped[str | None] = mapped_column(String(120))
    deadline_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[dict[str, Json] | None] = mapped_column(JSON(none_as_null=True))
    # In somebody else's own words: for operators alone.
    detail: Mapped[str | None] = mapped_column(String(2000))
    owner: Mapped[str | None] = mapped_column(String(80))
    fence: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[float] = mapped_column(Float, default=0)
    idempotency_key: Mapped[str | None] = mapped_column(String(120))
    request_hash: Mapped[str | None] = mapped_column(String(64))
    trace: Mapped[str] = mapped_column(String(55), default="", server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StepRow(Base):
    """One step of an operation, written when it starts and when it ends."""

    __tablename__ = "operation_step"

    operation_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    result: Mapped[dict[str, Json] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None] = mapped_column(String(2000))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class EventRow(Base):
    """Append-only facts of an operation in the order in which they were committed."""

    __tablename__ = "operation_event"
    __table_args__ = (
        Index("ix_operation_event_operation_id_seq", "operation_id", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    operation_id: Mapped[str] = mapped_column(String(26))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    step: Mapped[str | None] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Json]] = mapped_column(JSON)


class LimitRow(Base):
    """How many steps may hold a key; its row is what those who take a place queue at."""

    __tablename__ = "operation_limit"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    size: Mapped[int] = mapped_column(Integer)


class HolderRow(Base):
    """An operation whose present step holds a key."""

    __tablename__ = "operation_holder"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    operation_id: Mapped[str] = mapped_column(String(26), primary_key=True, index=True)


class ScheduleRow(Base):
    """When a schedule last submitted."""

    __tablename__ = "operation_schedule"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
