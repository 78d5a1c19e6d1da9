"""Durable operations: plans as data, a row per operation and step, undo on failure.

The port is ``submit``, ``request_cancel``, ``append_event``, and a ``Worker`` with
``run``; people's further wishes are in ``requests``. Every step happens at least once and
is recorded exactly once, so ``do`` must be idempotent by its key and ``undo`` must accept
that there is nothing.
"""

from stead.core.durable.events import OperationEnded, append_event, append_events
from stead.core.durable.plan import (
    Json,
    Limit,
    NeedsPersonError,
    Plan,
    RefusedError,
    Rule,
    Step,
    StepContext,
    StepError,
    policy,
)
from stead.core.durable.requests import (
    CannotCancelError,
    CannotKeepError,
    CannotRetryError,
    KeyReusedError,
    Submission,
    find_repeat,
    keep,
    purge,
    request_cancel,
    retry,
    startable,
    submit,
    undo,
)
from stead.core.durable.store import get
from stead.core.durable.tables import OPEN, EventRow, OperationRow, State, StepRow, StepState
from stead.core.durable.worker import Checkpoint, Worker

__all__ = [
    "OPEN",
    "CannotCancelError",
    "CannotKeepError",
    "CannotRetryError",
    "Checkpoint",
    "EventRow",
    "Json",
    "KeyReusedError",
    "Limit",
    "NeedsPersonError",
    "OperationEnded",
    "OperationRow",
    "Plan",
    "RefusedError",
    "Rule",
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
    "find_repeat",
    "get",
    "keep",
    "policy",
    "purge",
    "request_cancel",
    "retry",
    "startable",
    "submit",
    "undo",
]
