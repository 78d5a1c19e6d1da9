"""Writes what the executor leaves behind with plain SQLAlchemy; the peer of "operations"."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, insert, update

from stead.core.durable import State, StepState
from stead.core.durable.events import EVENT
from stead.core.durable.store import OPERATION, STEP
from stead.kit import clock, ids


class Writer:
    """One connection that syncs every commit, as the product's does."""

    def __init__(self, path: Path, steps: int) -> None:
        self._engine = create_engine(f"sqlite:///{path}")
        self._steps = steps

        @event.listens_for(self._engine, "connect")
        def prepare(connection: Any, _entry: Any) -> None:
            for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
                connection.execute(f"PRAGMA {pragma}")

    def write(self, number: int) -> None:
        """Write one operation: asked for, claimed, begun, each step's end, the end."""
        operation = ids.new_id()
        with self._engine.begin() as connection:
            self._ask(connection, operation, number)
        with self._engine.begin() as connection:
            self._change(connection, operation, state=State.RUNNING, started_at=clock.utc_now())
        with self._engine.begin() as connection:
            self._mark(connection, operation, 0, StepState.RUNNING)
        for position in range(self._steps):
            with self._engine.begin() as connection:
                self._mark(connection, operation, position, StepState.DONE)
                if position + 1 < self._steps:
                    self._mark(connection, operation, position + 1, StepState.RUNNING)
                else:
                    self._end(connection, operation)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _ask(self, connection: Connection, operation: str, number: int) -> None:
        row = {
            "id": operation,
            "kind": "bench",
            "plan_version": 1,
            "project_id": "p",
            "subject": f"subject{number}",
            "title": "bench",
            "requested_by": "bench",
            "params": {},
            "state": State.QUEUED,
            "cancellable": True,
            "cancel_requested": False,
            "keep": False,
            "priority": 0,
            "round": 0,
            "fence": 0,
            "lease_until": 0,
            "created_at": clock.utc_now(),
        }
        steps = [
            {
                "operation_id": operation,
                "position": n,
                "name": f"s{n}",
                "title": f"Step {n}",
                "state": StepState.PENDING,
            }
            for n in range(self._steps)
        ]
        connection.execute(insert(OPERATION), [row])
        connection.execute(insert(STEP), steps)
        self._tell(connection, operation, None, State.QUEUED)

    def _end(self, connection: Connection, operation: str) -> None:
        self._change(
            connection, operation, state=State.SUCCEEDED, finished_at=clock.utc_now(), error=None
        )
        self._tell(connection, operation, None, State.SUCCEEDED)

    def _change(self, connection: Connection, operation: str, **values: object) -> None:
        connection.execute(update(OPERATION).where(OPERATION.c.id == operation).values(values))

    def _mark(
        self, connection: Connection, operation: str, position: int, state: StepState
    ) -> None:
        values: dict[str, object] = {"state": state, "started_at": clock.utc_now()}
        if state is StepState.DONE:
            values = {"state": state, "finished_at": clock.utc_now(), "result": {}}
        mine = (STEP.c.operation_id == operation, STEP.c.position == position)
        connection.execute(update(STEP).where(*mine).values(values))
        self._tell(connection, operation, f"s{position}", state)

    def _tell(self, connection: Connection, operation: str, step: str | None, state: str) -> None:
        fact = {
            "operation_id": operation,
            "at": clock.utc_now(),
            "step": step,
            "kind": "state" if step is None else "step",
            "data": {"state": state},
        }
        connection.execute(insert(EVENT), [fact])
