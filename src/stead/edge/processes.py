"""Keeps a proxy running: adopts it after a crash of the edge, restarts it when it died.

A proxy runs in its own session, so it outlives the edge. Which running process is ours is
read from /proc, by executable and configuration path; pid files can lie.
"""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stead.core import log
from stead.core.log import Logger
from stead.kit import clock, process
from stead.kit.process import ProcessError

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 30.0
_STOP_SECONDS = 8.0
_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how a running process is recognised as it.

    ``family`` is in the command line of every process of this program in this folder,
    ``exact`` in that of one which runs with today's configuration.
    """

    name: str
    command: tuple[str, ...]
    family: str
    exact: str
    output: Path
    pid_file: Path


class Keeper:
    """Holds one program alive; used by one task at a time."""

    def __init__(self, describe: Callable[[], Program], before_start: Callable[[], None]) -> None:
        self._describe = describe
        self._before_start = before_start
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._log: Logger = log.get(__name__)
        self.pid: int | None = None

    async def ensure(self) -> None:
        """Adopt the running process or start one; raise ProcessError if it cannot start."""
        async with self._turn:
            await self._ensure()

    async def stop(self) -> None:
        """End the program and everything it started."""
        async with self._turn:
            await self._stop()

    async def watch(self) -> None:
        """Restart the program whenever it ends, with a growing pause while it keeps failing."""
        pause = _FIRST_PAUSE
        while True:
            since = clock.monotonic()
            if self.pid is not None:
                await self._ended(self.pid)
            if clock.monotonic() - since > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            program = self._describe()
            self._log.error(
                "edge.proxy.ended", program=program.name, pause=pause, said=self.tail()
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                await self.ensure()
            except ProcessError as error:
                self._log.exception("edge.proxy.start_failed", reason=str(error))

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; False when there is nobody to receive it."""
        if self.pid is None or not alive(self.pid):
            return False
        os.kill(self.pid, number)
        return True

    @property
    def running(self) -> bool:
        """Tell whether the program is there right now."""
        return self.pid is not None and alive(self.pid)

    def tail(self) -> str:
        """Return the end of what the program printed."""
        try:
            with self._describe().output.open("rb") as source:
                source.seek(max(0, source.seek(0, os.SEEK_END) - _TAIL))
                return source.read().decode(errors="replace").strip()
        except OSError:
            return ""

    async def _ensure(self) -> None:
        program = self._describe()
        running = self._running(program)
        if len(running) == 1 and _is_current(running[0], program):
            if running[0] != self.pid:
                self._log.info("edge.proxy.adopted", program=program.name, pid=running[0])
            self.pid = running[0]
            return
        for pid in running:
            await _end(pid)
        await self._start()

    async def _stop(self) -> None:
        program = self._describe()
        for pid in self._running(program):
            await _end(pid)
        await self._reap()
        await _end_leftovers(program)
        program.pid_file.unlink(missing_ok=True)

    async def _start(self) -> None:
        await self._reap()
        await _end_leftovers(self._describe())
        self._before_start()
        program = self._describe()
        self.pid = None
        program.output.unlink(missing_ok=True)
        self._child = await process.start(program.command, log=program.output, environment={})
        self.pid = self._child.pid
        program.pid_file.write_text(f"{self.pid}\n", encoding="utf-8")
        self._log.info("edge.proxy.started", program=program.name, pid=self.pid)

    def _running(self, program: Program) -> list[int]:
        own = self._child.pid if self._child is not None else None
        found = find(program)
        return [*found, own] if own is not None and own not in found and alive(own) else found

    async def _ended(self, pid: int) -> None:
        await _gone(pid)
        if self._child is not None and self._child.pid == pid:
            await self._reap()
        self.pid = None

    async def _reap(self) -> None:
        if self._child is not None:
            await self._child.wait()
            self._child = None


def find(program: Program) -> list[int]:
    """Return the running processes of a program in its folder, whoever started them."""
    name = Path(program.command[0]).name
    return [
        pid
        for pid in _own_processes()
        if _executable_name(pid) == name and program.family in _command_line(pid) and alive(pid)
    ]


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def title(pid: int) -> str:
    """Return a process's command line as ``ps`` would show it."""
    return _command_line(pid)


def children(pid: int) -> list[int]:
    """Return the processes whose parent is the given one."""
    return [other for other in _own_processes(any_user=True) if _stat(other)[1:2] == [str(pid)]]


def _is_current(pid: int, program: Program) -> bool:
    same = _executable(pid) == str(Path(program.command[0]).resolve())
    return same and program.exact in _command_line(pid)


async def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await _gone(pid)
    except TimeoutError:
        process.kill_group(pid)
        await _gone(pid)


async def _gone(pid: int) -> None:
    """Return when the process has ended, without polling."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _end_leftovers(program: Program) -> None:
    """Kill workers whose master was killed: they still hold its ports."""
    try:
        master = int(program.pid_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    name = Path(program.command[0]).name
    for pid in _own_processes(any_user=True):
        if _stat(pid)[3:4] == [str(master)] and _executable_name(pid) == name:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await _gone(pid)


def _own_processes(*, any_user: bool = False) -> Iterator[int]:
    user = os.geteuid()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if any_user or entry.stat().st_uid == user:
                    yield int(entry.name)


def _executable(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def _executable_name(pid: int) -> str:
    return _executable(pid).removesuffix(" (deleted)").rpartition("/")[2]


def _command_line(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """Return state, parent, group, session, …; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []
