"""What engines can do beyond the port's own methods, as small protocols.

A cluster's record (``capabilities``) says which of them work. A driver offers the methods of
what it declares usable; a method of something declared ``no`` is absent or raises Unsupported
with the recorded reason. The rules of the port hold here too: a mutation returns as soon as it
is accepted, may be repeated, and fails as one of ``engines.errors``. Where nothing else is
said, a guest that is not there raises NotFound.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from stead.engines.values import (
    Checked,
    Command,
    EngineTask,
    Finished,
    GuestEvent,
    GuestFile,
    GuestSize,
    GuestSpec,
    GuestUsage,
    Image,
    NetworkSpec,
    Snapshot,
    Survey,
    Swept,
    TerminalSize,
    Topic,
    WayIn,
)
from stead.kit.secrets import Secret


@runtime_checkable
class Files(Protocol):
    """Moves files in and out of a guest, also while it is stopped."""

    async def push_file(self, name: str, file: GuestFile) -> None:
        """Write one file as root, with missing parent folders; overwrites."""
        ...

    async def pull_file(self, name: str, path: str, *, limit_bytes: int) -> GuestFile:
        """Read one file. Raises NotFound, and Invalid when it is no file or above the limit."""
        ...


@runtime_checkable
class Networks(Protocol):
    """Networks of our own on the engine."""

    async def ensure_network(self, spec: NetworkSpec) -> None:
        """Create the network unless it is there; its name is never used for another shape."""
        ...


@runtime_checkable
class BootLog(Protocol):
    """The guest's console output, the best witness of a failed start."""

    async def boot_log(self, name: str) -> str:
        """Return the last lines the guest wrote to its console; empty if there are none."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """States of a guest's disks. A snapshot's name is its key: we never use one twice."""

    async def create_snapshot(self, name: str, snapshot: str) -> EngineTask:
        """Keep the disks as they are now; one of that name is the result already."""
        ...

    async def list_snapshots(self, name: str) -> tuple[Snapshot, ...]:
        """Return a guest's snapshots, oldest first."""
        ...

    async def restore_snapshot(self, name: str, snapshot: str) -> EngineTask:
        """Put a stopped guest's disks back, and keep every snapshot.

        Raises Conflict while the guest runs, NotFound when there is no such snapshot.
        """
        ...

    async def delete_snapshot(self, name: str, snapshot: str) -> EngineTask:
        """Forget a state; one that is absent, or whose guest is, is done."""
        ...


@runtime_checkable
class Resize(Protocol):
    """Other limits for a guest that is there."""

    async def resize(self, name: str, size: GuestSize) -> EngineTask:
        """Set all three limits, while it runs too. Raises Invalid for a smaller disk."""
        ...


@runtime_checkable
class Exec(Protocol):
    """Runs programs in a running guest."""

    async def execute(self, name: str, command: Command) -> Finished:
        """Run a command to its end and return how it ended, whatever its exit code.

        Output beyond the limit is read and dropped. A command that takes longer than its
        limit is killed and raises TaskFailed; when the caller is cancelled it is killed too.
        Raises Conflict unless the guest runs. Not idempotent: after OutcomeUnknown it may have
        run.
        """
        ...


class Terminal(Protocol):
    """One open terminal in a guest."""

    async def read(self) -> bytes:
        """Return what comes next; nothing at the end of the session."""
        ...

    async def write(self, data: bytes) -> None:
        """Type. Raises NotFound when the session is over."""
        ...

    async def resize(self, size: TerminalSize) -> None:
        """Tell the guest how large the window is now."""
        ...


@runtime_checkable
class Console(Protocol):
    """Opens terminals in running guests."""

    def open_terminal(
        self, name: str, size: TerminalSize
    ) -> AbstractAsyncContextManager[Terminal]:
        """Open a terminal as root; leaving the context ends the session and its processes.

        Raises Conflict unless the guest runs.
        """
        ...


@runtime_checkable
class Clone(Protocol):
    """Makes guests from guests."""

    async def clone(self, source: str, spec: GuestSpec) -> EngineTask:
        """Create a stopped guest whose disk begins as that of a stopped guest or template.

        Nothing but the disk is taken over: address, MAC, tags, note, owner and size are the
        spec's. Key and name follow the rules of ``create``. Raises Conflict while the source
        runs, Invalid when the disk would be smaller than the source's or the kind another one.
        """
        ...


@runtime_checkable
class Images(Protocol):
    """Images of our own on the engine."""

    async def list_images(self) -> tuple[Image, ...]:
        """Return every image that a guest can begin as."""
        ...

    async def publish_image(self, source: str, image: Image) -> EngineTask:
        """Make an image of a stopped guest's disk; ``size_bytes`` is not looked at.

        An image of that name and key is the result already; another key raises Conflict, and
        so does a source that runs.
        """
        ...

    async def delete_image(self, name: str) -> EngineTask:
        """Delete an image; one that is absent is done. Guests made from it stay."""
        ...


@runtime_checkable
class Backups(Protocol):
    """Whole guests as one stream, to be kept elsewhere; the format is the engine's own."""

    def export_backup(self, name: str) -> AsyncIterator[bytes]:
        """Stream a guest, without its snapshots, compressed; leaves nothing on the engine.

        A running guest is taken as its disk is at that moment.
        """
        ...

    async def import_backup(self, spec: GuestSpec, content: AsyncIterator[bytes]) -> EngineTask:
        """Create a stopped guest from a stream. All but the disk is the spec's, as in ``clone``.

        Raises Invalid when the stream is no backup, as an answer or when the task settles.
        """
        ...


@runtime_checkable
class Metrics(Protocol):
    """What guests use."""

    async def usage(self) -> tuple[GuestUsage, ...]:
        """Return the use of every running guest, in one call."""
        ...


@runtime_checkable
class Events(Protocol):
    """Tells of changes as they happen."""

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[GuestEvent]]:
        """Follow the changes from the moment the context is entered.

        Nothing is replayed: enter, read the inventory, then follow. The stream raises
        Unreachable when the connection is lost; changes of that time are never told.
        """
        ...


@runtime_checkable
class Evacuation(Protocol):
    """Empties a node for work on it, and takes it back."""

    async def evacuate(self, node: str) -> EngineTask:
        """Move every guest to other nodes, whosever it is, and put nothing new on this one.

        Those that run may be stopped on the way and run again afterwards. A node that is
        evacuated already is done, one that just is being so is waited for. Raises NotFound for
        no such node, Conflict when there is no other that could take its guests, and
        Unreachable when it does not answer.
        """
        ...

    async def restore_node(self, node: str) -> EngineTask:
        """Let a node take guests again and bring back those that had to leave it.

        One that was not evacuated is done. Raises as ``evacuate`` does.
        """
        ...


@runtime_checkable
class Surveys(Protocol):
    """Makes maps of clusters. Nothing is changed by it."""

    async def survey(self) -> Survey:
        """Return what there is, as far as our credentials can see it.

        What the engine refuses to tell is named in ``unseen``; it raises only when nothing
        can be told at all.
        """
        ...


@runtime_checkable
class Examines(Protocol):
    """Tests, by asking only, whether a cluster lets us do what we would do there."""

    async def examine(self, topic: Topic) -> tuple[Checked, ...]:
        """Return what was looked at, the good and the bad, one by one."""
        ...


@runtime_checkable
class Reassigns(Protocol):
    """Gives guests that were made beforehand to whoever needs one."""

    async def reassign(self, name: str, spec: GuestSpec) -> EngineTask:
        """Make a guest that never ran the one that is asked for; only its disk stays.

        Name, key, owner, network, address, MAC, tags, note and size are the spec's afterwards.
        A guest with the spec's name and key is the result already. Raises NotFound, Conflict
        for one that runs, or that the engine knows to have run, Invalid for a smaller disk or
        another kind.
        """
        ...


@runtime_checkable
class Enrols(Protocol):
    """Brings one small secret into a container, without a network of ours and without SSH.

    Through a console it takes ``open_shell`` before the first start, then ``put_secret`` and
    ``close_shell``. Until ``is_closed`` says so, whoever may open the console is root in it.
    """

    async def way_in(self, spec: GuestSpec) -> WayIn:
        """Tell, by asking only, how a secret gets into such a guest and that it can be made.

        Raises NotFound, Unsupported, Forbidden or Conflict, with what to change.
        """
        ...

    async def create_enrolling(self, spec: GuestSpec, token: Secret) -> EngineTask:
        """Create a guest that finds the token at its first start; else as ``create``."""
        ...

    async def open_shell(self, name: str) -> None:
        """Let the console be a root shell from the first start on. Raises Conflict after it."""
        ...

    async def put_secret(self, name: str, file: GuestFile) -> None:
        """Write a file into a guest whose console is a shell; overwrites."""
        ...

    async def close_shell(self, name: str) -> EngineTask:
        """Make the console an ordinary one, which restarts a guest that runs; twice is fine."""
        ...

    async def is_closed(self, name: str) -> bool:
        """Tell whether the console is an ordinary one now, not only from the next start on."""
        ...

    async def sweep(self) -> Swept:
        """Find guests of ours whose console is open, and delete users that were left over."""
        ...
