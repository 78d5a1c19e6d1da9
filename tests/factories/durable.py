"""A tiny world with idempotent effects, and plans that act on it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import Json, Plan, State, Step, StepContext, Submission, Worker
from stead.core.waiting import until
from stead.operations import repository
from stead.operations.schemas import EventOut, OperationOut


@dataclass
class Hold:
    """Makes a step wait in the middle, after its effect."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Say that the step is there, and wait to be let go."""
        self.reached.set()
        await self.release.wait()


@dataclass
class World:
    """What exists, what was called, and what shall happen in which step.

    ``script["do b"]`` holds what the next calls meet: an exception, a Hold or a result.
    """

    things: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    script: dict[str, list[object]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def plan(self, names: str = "abc", *, cancellable: bool = True, **step: object) -> Plan:
        """Return a plan with a step for each letter."""
        return Plan("test", 1, tuple(self.step(name, **step) for name in names), cancellable)

    def step(self, name: str, **options: object) -> Step:
        """Return a step that makes a thing exist; its undo takes it away."""

        async def do(context: StepContext) -> Mapping[str, Json] | None:
            thing = f"{context.subject}/{name}"
            self.things.add(thing)
            return await self._meet(f"do {name}", thing)

        async def undo(context: StepContext) -> None:
            thing = f"{context.subject}/{name}"
            await self._meet(f"undo {name}", thing)
            self.things.discard(thing)

        return Step(name, f"Make {name}", do, undo, **{"backoff_seconds": 0.001, **options})

    async def until_called(self, call: str) -> None:
        """Wait until something was called."""
        while call not in self.calls:
            self.news.clear()
            await self.news.wait()

    async def _meet(self, call: str, thing: str) -> Mapping[str, Json] | None:
        self.calls.append(call)
        self.news.set()
        waiting = self.script.get(call, [])
        met = waiting.pop(0) if waiting else None
        if isinstance(met, Exception):
            raise met
        if isinstance(met, Hold):
            self.active.add(thing)
            try:
                await met.wait()
            finally:
                # Cleaning up takes a moment, as it does for real.
                await asyncio.sleep(0)
                self.active.discard(thing)
            return None
        return met  # type: ignore[return-value]


async def submit(database: Database, plan: Plan, subject: str = "thing:1", **more: object) -> str:
    """Queue an operation and return its id."""
    async with database.write() as uow:
        return await durable.submit(
            uow, plan, Submission("project", subject, "Test", "tester", **more)
        )


@asynccontextmanager
async def working(
    database: Database, *plans: Plan, owner: str = "one", alone: bool = True, **options: object
) -> AsyncIterator["asyncio.Task[None]"]:
    """Keep a worker at work; a crash of it fails the test."""
    worker = Worker(database, plans, owner=owner, **options)
    task = asyncio.create_task(worker.run(alone=alone))
    try:
        yield task
        assert not task.done() or task.cancelled(), f"the worker ended: {task}"
    finally:
        await stop(task)


async def stop(task: "asyncio.Task[None]") -> None:
    """Stop a worker as a process that ends does."""
    task.cancel()
    await asyncio.wait({task})


async def look(database: Database, operation_id: str) -> OperationOut:
    """Return an operation with its steps."""
    async with database.read() as uow:
        row = await durable.get(uow, operation_id)
        assert row is not None
        return OperationOut.of(row, await repository.steps(uow, operation_id))


async def ended(database: Database, operation_id: str, seconds: float = 8) -> OperationOut:
    """Wait for an operation's end."""

    async def find(uow: Uow) -> bool | None:
        row = await durable.get(uow, operation_id)
        return True if row is not None and State(row.state).ended else None

    topic = f"operation:{operation_id}"
    assert await until(database, topic, find, seconds), await look(database, operation_id)
    return await look(database, operation_id)


async def cancel(database: Database, operation_id: str) -> None:
    """Ask for an operation to be stopped."""
    async with database.write() as uow:
        await durable.request_cancel(uow, operation_id)


async def events(database: Database, operation_id: str) -> list[EventOut]:
    """Return everything that was recorded about an operation."""
    async with database.read() as uow:
        rows = await repository.events_after(uow, operation_id, 0, 10_000)
    return [EventOut.of(row) for row in rows]


async def told_of(database: Database, operation_id: str, kind: str) -> EventOut:
    """Wait for the first event of a kind."""

    async def find(uow: Uow) -> EventOut | None:
        rows = await repository.events_after(uow, operation_id, 0, 10_000)
        return next((EventOut.of(row) for row in rows if row.kind == kind), None)

    found = await until(database, f"operation:{operation_id}", find, 8)
    assert found is not None, await look(database, operation_id)
    return found
