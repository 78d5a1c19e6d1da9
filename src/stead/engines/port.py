"""The port every driver implements: ten methods; ``abilities`` has small protocols for the rest.

Contract for all mutations: they return as soon as the engine accepted the work, the same
key asks for the same result, and an object that is absent counts as deleted. The guest carries
its key, so that a repeated call finds what the first one made even when its answer was lost.
A task's native id is known before anybody waits: whoever was interrupted while settling
settles again with the same id. A guest that is busy with another task makes a call wait its
turn or raises Locked. Failures are raised as one of ``engines.errors``.
"""

from typing import Protocol, runtime_checkable

from stead.engines.abilities import BootLog, Files, Networks
from stead.engines.capabilities import Capabilities
from stead.engines.values import EngineTask, Guest, GuestSpec, Health


@runtime_checkable
class EngineDriver(Protocol):
    """What workflows may ask of a cluster."""

    async def health(self) -> Health:
        """Return version and nodes; raises Unreachable or AuthRejected."""
        ...

    async def capabilities(self, pool: str = "") -> Capabilities:
        """Return what this cluster can do with a pool, with reasons for what it cannot.

        Without a pool the cluster's default one is meant. Raises NotFound for no pool.
        """
        ...

    async def inventory(self) -> tuple[Guest, ...]:
        """Return every guest that our credentials can see, in one call."""
        ...

    async def find(self, name: str) -> Guest | None:
        """Return a guest, or None when the engine is sure that there is none."""
        ...

    async def create(self, spec: GuestSpec) -> EngineTask:
        """Create a stopped guest. A guest with the same key is the result already.

        Raises Conflict when the name belongs to a guest with another key, Invalid when the spec
        is outside ``engines.limits``. Of several calls at once exactly one guest comes.
        """
        ...

    async def start(self, name: str) -> EngineTask:
        """Start a guest; one that runs is done. Raises NotFound."""
        ...

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        """Stop a guest; one that is stopped or absent is done."""
        ...

    async def delete(self, name: str) -> EngineTask:
        """Delete a stopped guest with its disks; one that is absent is done.

        Raises Conflict while it runs: nothing that works for somebody is deleted by mistake.
        """
        ...

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        """Wait for a task to end. Raises TaskFailed with the engine's words.

        A task that the engine no longer knows has ended; the caller looks up the guest. One
        that takes longer raises OutcomeUnknown and goes on; settling again takes it up.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; the driver is not used afterwards. Twice is fine."""
        ...


@runtime_checkable
class ContainerEngine(EngineDriver, Files, Networks, BootLog, Protocol):
    """An engine that can run the whole container flow of a deployment."""
