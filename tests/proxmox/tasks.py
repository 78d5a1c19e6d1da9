"""Tasks: what runs after the answer, its log, its end, and its abort."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.proxmox.call import Identity, RefusedError
from tests.proxmox.faults import Fault

if TYPE_CHECKING:
    from tests.proxmox.world import World

KILL_AFTER = 3.0


class TaskFailed(Exception):  # noqa: N818 -- a task fails, that is no error of the double
    """Ends a task with this text as its exit status."""


class TaskKilled(Exception):  # noqa: N818 -- as above
    """Ends a task as kill -9 would: nothing is cleaned up."""


@dataclasses.dataclass
class Task:
    """One task by its UPID."""

    upid: str
    node: str
    pid: int
    pstart: int
    start: int
    type: str
    id: str
    user: str
    log: list[str] = dataclasses.field(default_factory=list)
    status: str = ""
    end: int = 0
    worker: asyncio.Task[None] | None = None
    fault: Fault | None = None

    @property
    def running(self) -> bool:
        return not self.end

    def say(self, line: str) -> None:
        self.log.append(line)


class Job:
    """What the work of a task may use: the log, the clock and the world."""

    def __init__(self, world: "World", task: Task) -> None:
        self.world = world
        self.task = task

    def say(self, *lines: str) -> None:
        self.task.log.extend(lines)

    async def take(self, seconds: float) -> None:
        """Let the work take its time, and go wrong if it shall."""
        fault = self.task.fault
        await self.world.clock.sleep(seconds + (fault.seconds if fault else 0))
        if fault and fault.kind == "fail":
            raise TaskFailed(fault.reason)
        if fault and fault.kind == "killed":
            raise TaskKilled
        if fault and fault.kind == "stuck":
            await asyncio.Event().wait()

    def locked(self, vmid: int, kind: str = "lxc") -> contextlib.AbstractAsyncContextManager[None]:
        """Hold the lock on a guest's config, saying so in the log when it takes waiting."""
        files = {
            "lxc": f"/run/lock/lxc/pve-config-{vmid}.lock",
            "qemu": f"/run/lock/qemu-server/lock-{vmid}.conf",
        }
        return self.world.locks.hold(
            files[kind],
            seconds=self.world.settings.flock,
            log=self.task.say,
        )


Work = Callable[[Job], Awaitable[None]]


def spawn(world: "World", node: str, kind: str, id_: object, who: Identity, work: Work) -> str:
    """Start a task and return its UPID."""
    pid, start = next(world.pids), int(world.clock.now())
    pstart = int((world.clock.now() - world.booted) * 100)
    upid = f"UPID:{node}:{pid:08X}:{pstart:08X}:{start:08X}:{kind}:{id_}:{who.name}:"
    task = Task(upid, node, pid, pstart, start, kind, str(id_), who.name)
    world.tasks[upid] = task
    task.worker = asyncio.create_task(_run(world, task, work))
    world.in_background(task.worker)
    return upid


async def _run(world: "World", task: Task, work: Work) -> None:
    task.fault = world.faults.for_task(f"{task.type}:{task.id}")
    try:
        await work(Job(world, task))
        finish(world, task, "OK")
    except (TaskFailed, RefusedError) as failure:
        finish(world, task, str(failure))
    except (TaskKilled, asyncio.CancelledError):
        finish(world, task, "unexpected status", silent=True)


def finish(world: "World", task: Task, status: str, *, silent: bool = False) -> None:
    """End a task: its status, the last line of its log and the moment."""
    if task.end:
        return
    text = " ".join(status.split("\n")).strip()
    task.status = text
    if not silent:
        task.say(f"TASK {text}" if text == "OK" else f"TASK ERROR: {text}")
    task.end = int(world.clock.now())


async def abort(world: "World", task: Task) -> None:
    """Stop a task as the real one does: ask, look every second."""
    if not task.running or task.worker is None:
        return
    task.worker.cancel()
    for _ in range(10):
        await world.clock.sleep(1)
        if not task.running:
            return


def row(task: Task, *, active: bool = False) -> dict[str, object]:
    """Return a task as lists show it."""
    user, _, token = task.user.partition("!")
    listed: dict[str, object] = {
        "id": task.id,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.start,
        "type": task.type,
        "upid": task.upid,
        "user": user,
    }
    if task.running:
        return (
            listed | {"status": "RUNNING", "saved": "0", "user": task.user} if active else listed
        )
    if token:
        listed["tokenid"] = token
    return listed | {"status": task.status, "endtime": task.end}
