"""``stead serve`` whose engine has bad days: a JSON file of rules, as the simulator reads them.

A simulator reads the rules itself; any other engine is wrapped so that the same rules meet its
calls: refused before, answered late, or done with the answer lost.
"""

import asyncio
import functools
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from stead.bootstrap import assemble
from stead.core import log, settings
from stead.engines import errors, registry
from stead.engines.drivers.simulator.faults import Effect, FaultPlan, parse
from stead.engines.port import ContainerEngine, EngineDriver
from stead.entrypoints.serve import serve

METHODS = sorted(name for name in dir(ContainerEngine) if not name.startswith("_"))
Call = Callable[..., Awaitable[Any]]


def faulty(driver: EngineDriver, plan: FaultPlan) -> EngineDriver:
    """Return a driver whose calls meet the faults of a plan."""
    members = {name: _meeting(getattr(driver, name), name, plan) for name in METHODS}
    wrapped: EngineDriver = type("Faulty", (), {n: staticmethod(m) for n, m in members.items()})()
    return wrapped


def _meeting(call: Call, name: str, plan: FaultPlan) -> Call:
    @functools.wraps(call)
    async def met(*words: Any, **named: Any) -> Any:
        fault = plan.meet(name, "")
        effect = fault.effect if fault is not None else None
        if effect is Effect.UNREACHABLE:
            raise errors.UnreachableError("The engine was made not to answer")
        if effect is Effect.LOCKED:
            raise errors.LockedError("The engine was made to be busy")
        if fault is not None and effect is Effect.LATENCY:
            await asyncio.sleep(fault.seconds)
        answer = await call(*words, **named)
        if effect is Effect.LOST_ANSWER:
            raise errors.OutcomeUnknownError("The engine's answer was made to be lost")
        return answer

    return met


def main() -> None:
    """Fork servers, since importing takes longer than starting, until one ends by itself."""
    faults, child_file = Path(sys.argv[1]), Path(sys.argv[2])
    while True:
        child = os.fork()
        if child == 0:
            _serve(faults)
            os._exit(0)
        child_file.write_text(str(child))
        signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(os.waitstatus_to_exitcode(status))


def _serve(faults: Path) -> None:
    log.configure(json=False)
    chosen = settings.load()
    if not chosen.engine.simulated:
        plan = FaultPlan(parse(json.loads(faults.read_text())))
        connect = registry.connect

        def connect_badly(engine: str, options: Mapping[str, str]) -> EngineDriver:
            return faulty(connect(engine, options), plan)

        registry.connect = connect_badly
    asyncio.run(serve(chosen, assemble))


if __name__ == "__main__":
    main()
