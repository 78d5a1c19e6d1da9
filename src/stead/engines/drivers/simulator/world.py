"""The simulated cluster: its records, the tasks that change them, and who is told."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from stead.engines import errors
from stead.engines.drivers.simulator import records
from stead.engines.drivers.simulator.journal import Journal
from stead.engines.drivers.simulator.records import (
    Data,
    Kept,
    SimulatedGuest,
    SimulatedImage,
    Task,
)
from stead.engines.drivers.simulator.times import Time
from stead.engines.values import Change, Guest, GuestEvent, GuestSize

SECONDS: Final = {
    "create": 0.3,
    "clone": 0.2,
    "import": 1.5,
    "start": 0.2,
    "stop": 1.0,
    "delete": 0.1,
    "snapshot": 0.2,
    "restore": 0.3,
    "forget": 0.1,
    "resize": 0.02,
    "publish": 2.0,
    "evacuate": 2.0,
    "take_back": 2.0,
}
MAKING: Final = frozenset({"create", "clone", "import"})
_CHANGES: Final = {
    "create": Change.CREATED,
    "clone": Change.CREATED,
    "import": Change.CREATED,
    "start": Change.STARTED,
    "stop": Change.STOPPED,
    "delete": Change.DELETED,
    "restore": Change.CHANGED,
    "resize": Change.CHANGED,
}
_OF_NODES: Final = frozenset({"evacuate", "take_back"})
_REMEMBERED: Final = 1000
_EVENTS: Final = 10_000
_ERRORS: Final = {kind.__name__: kind for kind in (errors.TaskFailedError, errors.QuotaError)}


class World:
    """One simulated cluster. Several drivers may share it, as several clients share an engine."""

    def __init__(
        self,
        time: Time,
        *,
        nodes: Sequence[str] = ("sim1", "sim2", "sim3"),
        images: Sequence[str] = ("stead-base",),
        journal: Journal | None = None,
    ) -> None:
        self.time = time
        self.guests: dict[str, SimulatedGuest] = {}
        self.images = {name: SimulatedImage(name, "", {}) for name in images}
        self.networks: set[str] = set()
        self.tasks: dict[str, Task] = {}
        self.nodes = tuple(nodes)
        self.down: set[str] = set()
        self.evacuated: set[str] = set()
        # Where guests were that had to leave a node.
        self._homes: dict[str, str] = {}
        self.listeners: set[asyncio.Queue[GuestEvent | None]] = set()
        self.addresses: set[tuple[str, str]] = set()
        self._asleep: list[Task] = []
        self._on_node: Counter[str] = Counter()
        self._accepted = 0
        self._journal = journal
        if journal is not None:
            self._load(journal)

    def see(self, guest: SimulatedGuest) -> Guest:
        """Return what the engine says about a guest."""
        return guest.seen(node_up=guest.node not in self.down)

    def accept(
        self,
        kind: str,
        guest: str,
        details: Data | None = None,
        failure: errors.EngineError | None = None,
    ) -> Task:
        """Begin a task; it will end by itself, badly when a failure is given."""
        self._accepted += 1
        ends_at = self.time.now() + SECONDS[kind]
        task = Task(f"sim-{self._accepted:08}", kind, guest, ends_at, details or {})
        if failure is not None:
            task.failure = (type(failure).__name__, failure.message)
        self._keep_task(task)
        self.time.at(ends_at, partial(self._end, task))
        if guest in self.guests:
            self.guests[guest].task = task.id
            self.save(self.guests[guest])
        return task

    def wake(self) -> None:
        """Go on with the tasks that were under way when the file was opened."""
        while self._asleep:
            task = self._asleep.pop()
            self.time.at(task.ends_at, partial(self._end, task))

    def taking(self) -> list[str]:
        """Return the nodes on which new guests can be put."""
        return [node for node in self.nodes if node not in self.down | self.evacuated]

    def place(self) -> str:
        """Return the node that has the fewest guests. Raises Unreachable when none is up."""
        up = self.taking()
        if not up:
            raise errors.UnreachableError("No node of the simulated cluster is up")
        return min(up, key=lambda node: (self._on_node[node], node))

    def new_mac(self) -> str:
        """Return a MAC that no other guest got."""
        digest = hashlib.sha256(str(self._accepted).encode()).hexdigest()
        return "02:5a:" + ":".join(digest[at : at + 2] for at in range(0, 8, 2))

    def add(self, guest: SimulatedGuest) -> None:
        """Add a guest that a task is about to make."""
        self.guests[guest.name] = guest
        self.addresses.add((guest.network, guest.address))
        self._on_node[guest.node] += 1

    def replace(self, old: SimulatedGuest, new: SimulatedGuest) -> None:
        """Let a guest go on under another name, with another place on the network."""
        self._remove(old)
        self._write("guest", old.name, None)
        self.add(new)
        self.save(new)
        self._tell(old.name, Change.DELETED)
        self._tell(new.name, Change.CREATED)

    def save(self, guest: SimulatedGuest) -> None:
        """Keep a guest's newest form."""
        self._write("guest", guest.name, records.guest_data(guest) if self._journal else None)

    def save_network(self, name: str) -> None:
        """Add a network."""
        self.networks.add(name)
        self._write("network", name, {})

    def drop_image(self, name: str) -> None:
        """Remove an image; none is fine."""
        if self.images.pop(name, None) is not None:
            self._write("image", name, None)

    def lose_node(self, node: str, seconds: float = 0) -> None:
        """Take a node away with everything on it, for a while or until ``return_node``."""
        self.down.add(node)
        for guest in [g for g in self.guests.values() if g.node == node]:
            task = self.tasks.get(guest.task)
            if task is not None:
                task.failure = ("TaskFailedError", f"The node {node} is lost")
                self._end(task)
            guest.running = False
            self._tell(guest.name, Change.CHANGED)
        if seconds:
            self.time.at(self.time.now() + seconds, partial(self.return_node, node))

    def return_node(self, node: str) -> None:
        """Bring a node back; its guests are stopped."""
        self.down.discard(node)
        for guest in [g for g in self.guests.values() if g.node == node]:
            self.save(guest)
            self._tell(guest.name, Change.CHANGED)

    def failure(self, task: Task) -> errors.EngineError:
        """Return the error with which a task ended."""
        name, words = task.failure or ("", "")
        return _ERRORS.get(name, errors.TaskFailedError)(words, native=words)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._journal is not None:
            self._journal.close()

    def _end(self, task: Task) -> None:
        if task.ended:
            return
        task.ended = True
        if task.kind in _OF_NODES:
            self._end_of_node(task)
            return
        guest = self.guests.get(task.guest)
        if task.failure is not None:
            if guest is not None and task.kind in MAKING:
                self._remove(guest)
        elif guest is not None:
            self._finish(task, guest)
            self._tell(guest.name, _CHANGES.get(task.kind))
        if guest is not None and guest.task == task.id:
            guest.task = ""
        if task.guest in self.guests:
            self.save(self.guests[task.guest])
        self._keep_task(task)

    def _end_of_node(self, task: Task) -> None:
        node = task.guest
        if task.kind == "evacuate" and task.failure is not None:
            self.evacuated.discard(node)
        elif task.kind == "evacuate":
            for guest in [g for g in self.guests.values() if g.node == node]:
                self._homes[guest.name] = node
                self._move(guest, self.place())
        elif task.failure is None:
            self.evacuated.discard(node)
            for name in [name for name, home in self._homes.items() if home == node]:
                del self._homes[name]
                if name in self.guests:
                    self._move(self.guests[name], node)
        self._keep_task(task)

    def _move(self, guest: SimulatedGuest, node: str) -> None:
        self._on_node[guest.node] -= 1
        self._on_node[node] += 1
        guest.node = node
        self.save(guest)
        self._tell(guest.name, Change.CHANGED)

    def _finish(self, task: Task, guest: SimulatedGuest) -> None:
        match task.kind:
            case "create" | "clone" | "import":
                guest.made = True
            case "start" | "stop":
                guest.running = task.kind == "start"
                guest.started_at = self.time.now()
                if guest.running:
                    guest.log += f"[{self.time.now():.1f}] simulated boot of {guest.name}\n"
            case "delete":
                self._remove(guest)
            case "resize":
                guest.size = GuestSize(*task.details["size"])
            case "publish":
                self._publish(task, guest)
            case _:
                self._change_snapshots(task, guest)

    def _change_snapshots(self, task: Task, guest: SimulatedGuest) -> None:
        name, kept = task.details["snapshot"], guest.snapshots or {}
        if task.kind == "snapshot":
            kept[name] = Kept(self.time.now(), dict(guest.disk or {}))
        elif task.kind == "restore":
            guest.disk = dict(kept[name].disk)
        else:
            kept.pop(name, None)
        guest.snapshots = kept or None

    def _publish(self, task: Task, guest: SimulatedGuest) -> None:
        image = SimulatedImage(task.details["image"], task.details["key"], dict(guest.disk or {}))
        self.images[image.name] = image
        self._write("image", image.name, records.image_data(image))

    def _remove(self, guest: SimulatedGuest) -> None:
        if self.guests.pop(guest.name, None) is not None:
            self.addresses.discard((guest.network, guest.address))
            self._on_node[guest.node] -= 1
            self._write("guest", guest.name, None)

    def _tell(self, name: str, change: Change | None) -> None:
        if change is None:
            return
        for queue in self.listeners:
            if queue.qsize() < _EVENTS:
                queue.put_nowait(GuestEvent(name, change))
            elif queue.qsize() == _EVENTS:
                # Who cannot keep up is cut off, and reads the inventory again.
                queue.put_nowait(None)

    def _keep_task(self, task: Task) -> None:
        self.tasks[task.id] = task
        self._write("task", task.id, records.task_data(task))
        if len(self.tasks) > _REMEMBERED:
            oldest = next(iter(self.tasks))
            if self.tasks[oldest].ended:
                del self.tasks[oldest]
                self._write("task", oldest, None)

    def _write(self, kind: str, name: str, data: Data | None) -> None:
        if self._journal is not None:
            self._journal.write(kind, name, data, self.time.now())

    def _load(self, journal: Journal) -> None:
        for data in journal.records("guest"):
            self.add(records.guest_from(data))
        for data in journal.records("image"):
            image = records.image_from(data)
            self.images[image.name] = image
        self.networks.update(name for name in journal.names("network"))
        for data in journal.records("task"):
            task = records.task_from(data)
            self._accepted = max(self._accepted, int(task.id.removeprefix("sim-")))
            self.tasks[task.id] = task
            if not task.ended:
                self._asleep.append(task)
        journal.forget_what_was_read()
