"""Waits for what a guest's agent is to do, but not for a guest that has stopped meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

from stead.core.db import Database, Uow
from stead.core.durable import StepContext, StepError
from stead.core.waiting import until
from stead.engines.abilities import BootLog
from stead.engines.errors import EngineError
from stead.engines.port import EngineDriver
from stead.engines.values import GuestState
from stead.kit import clock

LOOK_SECONDS: Final = 10.0
_HINT: Final = "Something outside Stead did that; deploy again"
Found = TypeVar("Found")


async def until_answered(
    database: Database,
    engine: EngineDriver,
    guest: str,
    topic: str,
    look: Callable[[Uow], Awaitable[Found | None]],
    limit_seconds: float,
) -> Found | None:
    """Return what ``look`` finds, or None when time runs out.

    Raises StepError when the guest is gone or stopped; an engine that does not answer says
    nothing about the guest.
    """
    deadline = clock.monotonic() + limit_seconds
    while (left := deadline - clock.monotonic()) > 0:
        answered = await until(database, topic, look, 0)
        if answered is None:
            # Also at first: this step may be going on after a restart.
            with suppress(EngineError):
                await _see_that_it_runs(engine, guest)
            answered = await until(database, topic, look, min(LOOK_SECONDS, left))
        if answered is not None:
            return answered
    return None


async def _see_that_it_runs(engine: EngineDriver, guest: str) -> None:
    found = await engine.find(guest)
    if found is None:
        raise StepError(f"The container {guest} is gone", hint=_HINT)
    if found.state is GuestState.STOPPED:
        raise StepError(f"The container {guest} has stopped", hint=_HINT)


async def explain_silence(
    context: StepContext, engine: EngineDriver, name: str, seconds: float
) -> NoReturn:
    """Tell what a guest's console says, and raise StepError: its agent has not called."""
    guest = await engine.find(name)
    log = await engine.boot_log(name) if isinstance(engine, BootLog) else ""
    for line in log.splitlines()[-40:]:
        await context.emit("log", {"stream": "console", "text": line[:1000]})
    running = guest is not None and guest.state is GuestState.RUNNING
    waited = f"runs but its agent has not called for {seconds:g} seconds"
    state = waited if running else "stopped during its start"
    raise StepError(
        f"The container {state}",
        hint="The last lines of its console are in the log of this operation",
    )
