"""The port every driver implements: nine methods, and small protocols for the rest.

Contract for all mutations: they return as soon as the engine accepted the work, the same
key asks for the same result, and an object that is absent counts as deleted. Failures are
raised as one of ``engines.errors``.
"""

from typing import Protocol

from stead.engines.values import (
    Capability,
    EngineTask,
    Guest,
    GuestFile,
    GuestSpec,
    Health,
    NetworkSpec,
)


class EngineDriver(Protocol):
    """What workflows may ask of a cluster."""

    async def health(self) -> Health:
        """Return version and nodes; raises Unreachable or AuthRejected."""
        ...

    async def capabilities(self) -> tuple[Capability, ...]:
        """Return what this cluster can do, with reasons for what it cannot."""
        ...

    async def inventory(self) -> tuple[Guest, ...]:
        """Return every guest that our credentials can see, in one call."""
        ...

    async def find(self, name: str) -> Guest | None:
        """Return a guest, or None when the engine is sure that there is none."""
        ...

    async def create(self, spec: GuestSpec) -> EngineTask:
        """Create a stopped guest. A guest with the same key is the result already.

        Raises Conflict when the name belongs to a guest with another key.
        """
        ...

    async def start(self, name: str) -> EngineTask:
        """Start a guest; one that runs is done. Raises NotFound."""
        ...

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        """Stop a guest; one that is stopped or absent is done."""
        ...

    async def delete(self, name: str) -> EngineTask:
        """Delete a stopped guest with its disks; one that is absent is done."""
        ...

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        """Wait for a task to end. Raises TaskFailed with the engine's words.

        A task that the engine no longer knows has ended; the caller looks up the guest.
        """
        ...


class Files(Protocol):
    """Puts files into a guest, also while it is stopped."""

    async def push_file(self, name: str, file: GuestFile) -> None:
        """Write one file as root, with missing parent folders; overwrites."""
        ...


class Networks(Protocol):
    """Networks of our own on the engine."""

    async def ensure_network(self, spec: NetworkSpec) -> None:
        """Create the network unless it is there; its name is never used for another shape."""
        ...


class BootLog(Protocol):
    """The guest's console output, the best witness of a failed start."""

    async def boot_log(self, name: str) -> str:
        """Return the last lines the guest wrote to its console; empty if there are none."""
        ...


class ContainerEngine(EngineDriver, Files, Networks, BootLog, Protocol):
    """An engine that can run the whole container flow of a deployment."""
