"""Durable operations: plans as data, a row per operation and step, undo on failure.

The port is ``submit``, ``request_cancel``, ``append_event``, and a ``Worker`` with
``run`` and ``stop``. Every step happens at least once and is recorded exactly once, so
``do`` must be idempotent by its key and ``undo`` must accept that there is nothing.
"""

from stead.core.durable.plan import Json, Plan, Step, StepContext, StepError
from stead.core.durable.store import (
    CannotCancelError,
    Submission,
    append_event,
    append_events,
    get,
    request_cancel,
    submit,
)
from stead.core.durable.tables import EventRow, OperationRow, State, StepRow, StepState
from stead.core.durable.worker import Checkpoint, Worker

__all__ = [
    "CannotCancelError",
    "Checkpoint",
    "EventRow",
    "Json",
    "OperationRow",
    "Plan",
    "State",
    "Step",
    "StepContext",
    "StepError",
    "StepRow",
    "StepState",
    "Submission",
    "Worker",
    "append_event",
    "append_events",
    "get",
    "request_cancel",
    "submit",
]
