"""What every simulated call goes through: time, faults, and the state that it needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from stead.engines import errors, limits
from stead.engines.capabilities import Ability, Capabilities, Capability, no, yes
from stead.engines.drivers.simulator.faults import Effect, Fault, FaultSource
from stead.engines.drivers.simulator.records import Data, SimulatedGuest
from stead.engines.drivers.simulator.world import World
from stead.engines.values import EngineTask, Guest

CALL_SECONDS: Final = 0.005
POOL: Final = "simulated"
DONE: Final = EngineTask("", done=True)
SWITCHED_OFF: Final = "Switched off for this simulated cluster"
_NOTHING_RUNS: Final = "Simulator: nothing runs in a simulated guest, so nothing limits it"
_NOTHING_SENT: Final = "Simulator: simulated guests send nothing, so nothing is filtered"
_CANNOT: Final = {
    Ability.CONFINEMENT: "Simulator: nothing runs in a simulated guest, so nothing confines it",
    Ability.CPU_LIMIT: _NOTHING_RUNS,
    Ability.MEMORY_LIMIT: _NOTHING_RUNS,
    Ability.PROCESS_LIMIT: _NOTHING_RUNS,
    Ability.DISK_LIMIT: _NOTHING_RUNS,
    Ability.ADDRESS_FILTER: _NOTHING_SENT,
    Ability.NEIGHBOUR_ISOLATION: _NOTHING_SENT,
    Ability.PROJECT_ISOLATION: _NOTHING_SENT,
}


class Calls:
    """The ground of the simulated driver; its parts add the methods."""

    def __init__(
        self, world: World, faults: FaultSource, without: frozenset[Ability] = frozenset()
    ) -> None:
        self._world = world
        self._faults = faults
        self._without = without
        self._last_inventory: tuple[Guest, ...] = ()

    def record(self) -> Capabilities:
        """Return what this cluster can do."""
        return Capabilities(tuple(self._entry(ability) for ability in Ability), POOL)

    def _entry(self, ability: Ability) -> Capability:
        if ability in _CANNOT:
            return no(ability, _CANNOT[ability])
        return no(ability, SWITCHED_OFF) if ability in self._without else yes(ability)

    @asynccontextmanager
    async def _call(
        self, method: str, name: str = "", ability: Ability | None = None
    ) -> AsyncIterator[Fault | None]:
        """Take the time of a call and let it meet its fault; yield what concerns its task."""
        if ability is not None:
            self.record().require(ability)
        self._world.wake()
        fault = self._faults.meet(method, name)
        effect = fault.effect if fault is not None else None
        delay = fault.seconds if fault is not None and effect is Effect.LATENCY else 0
        await self._world.time.until(self._world.time.now() + CALL_SECONDS + delay)
        if effect is Effect.UNREACHABLE:
            raise errors.UnreachableError("The simulated engine does not answer")
        if effect is Effect.LOCKED:
            raise errors.LockedError(f"{name} is locked by a simulated task")
        if fault is not None and effect is Effect.NODE_LOST:
            self._lose_node(name, fault.seconds)
        yield fault
        if effect is Effect.LOST_ANSWER:
            raise errors.OutcomeUnknownError(
                f"The simulated engine did what {method} asked, and the answer was lost"
            )

    def _accept(
        self, kind: str, name: str, fault: Fault | None, details: Data | None = None
    ) -> EngineTask:
        return EngineTask(self._world.accept(kind, name, details, _bound_to_fail(fault)).id)

    def _guest(self, name: str) -> SimulatedGuest:
        """Return a guest that can be worked with. Raises NotFound or Unreachable."""
        found = self._world.guests.get(name)
        if found is None:
            raise errors.NotFoundError(f"There is no guest {name}")
        if found.node in self._world.down:
            raise errors.UnreachableError(f"The node {found.node} of {name} is lost")
        return found

    def _idle(self, name: str, *, running: bool | None = None) -> SimulatedGuest:
        """Return a guest that no task holds, and that runs or not as asked for."""
        guest = self._guest(name)
        if guest.task:
            kind = self._world.tasks[guest.task].kind
            raise errors.LockedError(f"{name} is locked by a simulated task ({kind})")
        if running is not None and guest.running is not running:
            state = "stopped" if running else "running"
            raise errors.ConflictError(f"The guest {name} is {state}")
        return guest

    def _running_task(self, guest: SimulatedGuest, *kinds: str) -> EngineTask | None:
        """Return the task of one of these kinds that holds the guest already."""
        task = self._world.tasks.get(guest.task)
        return EngineTask(task.id) if task is not None and task.kind in kinds else None

    def _lose_node(self, name: str, seconds: float) -> None:
        guest = self._world.guests.get(name)
        self._world.lose_node(guest.node if guest is not None else self._world.place(), seconds)


def check_path(path: str) -> None:
    """Raise Invalid unless a path is absolute and names a file."""
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise errors.InvalidError(f"{path[:80]!r} is no path of a file")


def _bound_to_fail(fault: Fault | None) -> errors.EngineError | None:
    if fault is not None and fault.effect is Effect.TASK_FAILED:
        return errors.TaskFailedError("The simulated task failed, as a fault asked for")
    if fault is not None and fault.effect is Effect.STORAGE_FULL:
        return errors.QuotaError("No space left on the simulated storage")
    return None


def check_names(*names: str) -> None:
    """Raise Invalid unless every name could be held by every engine."""
    for name in names:
        limits.check_name(name)
