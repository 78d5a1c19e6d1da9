"""Shapes of operations in the API."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from stead.core.durable import EventRow, OperationRow, State, StepRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations somebody looks for: those made before, or after, the one of an id.

    ``text`` is a part of their title, or what kind they are, or who asked for them.
    """

    limit: int = 50
    states: tuple[str, ...] = ()
    kind: str | None = None
    subject: str | None = None
    project: str | None = None
    before: str = ""
    after: str = ""
    newest_first: bool = True
    text: str = ""


class AgainIn(BaseModel):
    """From which step on to do it again; left out: from where it stopped."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    step: str | None = Field(default=None, alias="from", max_length=80)


class StepOut(BaseModel):
    """One step with its timing."""

    name: str
    title: str
    state: str
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: StepRow) -> "StepOut":
        """Return the public shape of a row."""
        return cls(
            name=row.name,
            title=row.title,
            state=row.state,
            error=row.error,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )


@dataclass(frozen=True, slots=True)
class Again:
    """What can be done with an operation that stopped: undo it, or go on from one of these."""

    undo: bool = False
    steps: tuple[StepOut, ...] = ()


class OperationOut(BaseModel):
    """One operation; ``steps`` only where one operation was asked for."""

    id: str
    kind: str
    title: str
    project_id: str
    subject: str
    state: str
    ended: bool
    cancellable: bool
    cancel_requested: bool
    keep: bool = False
    priority: int = 0
    round: int = 0
    waits_for: str | None = None
    deadline_at: datetime | None = None
    behind: str | None = None
    undoable: bool = False
    error: dict[str, JsonValue] | None
    detail: str | None = None
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    steps: list[StepOut] = []

    @classmethod
    def of(cls, row: OperationRow, steps: list[StepRow] | None = None) -> "OperationOut":
        """Return the public shape of a row."""
        return cls(
            id=row.id,
            kind=row.kind,
            title=row.title,
            project_id=row.project_id,
            subject=row.subject,
            state=row.state,
            ended=State(row.state).ended,
            cancellable=row.cancellable and not State(row.state).ended,
            cancel_requested=row.cancel_requested,
            keep=row.keep,
            priority=row.priority,
            round=row.round,
            waits_for=row.waits_for,
            deadline_at=row.deadline_at,
            undoable=State(row.state) in (State.UNDO_FAILED, State.KEPT),
            error=row.error,
            requested_by=row.requested_by,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            steps=[StepOut.of(step) for step in steps or []],
        )


class EventOut(BaseModel):
    """One fact of an operation."""

    seq: int
    at: datetime
    step: str | None
    kind: str
    data: dict[str, JsonValue]

    @classmethod
    def of(cls, row: EventRow) -> "EventOut":
        """Return the public shape of a row."""
        return cls(seq=row.seq, at=row.at, step=row.step, kind=row.kind, data=row.data)
