"""What reaches into simulated guests: files, commands and terminals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stead.engines import errors
from stead.engines.abilities import Terminal
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator import programs
from stead.engines.drivers.simulator.calls import Calls, check_path
from stead.engines.drivers.simulator.faults import Effect
from stead.engines.drivers.simulator.records import Disk, SimulatedGuest
from stead.engines.values import Command, Finished, GuestFile, TerminalSize

GREETING = "This is a simulated terminal: echo, cat, stty size and exit are all it knows.\r\n"


class Inside(Calls):
    """Files, commands, terminals."""

    async def push_file(self, name: str, file: GuestFile) -> None:
        check_path(file.path)
        async with self._call("push_file", name, Ability.FILES) as fault:
            guest = self._idle(name)
            if fault is not None and fault.effect is Effect.STORAGE_FULL:
                raise errors.QuotaError("No space left on the simulated storage")
            _disk(guest)[file.path] = file
            self._world.save(guest)

    async def pull_file(self, name: str, path: str, *, limit_bytes: int) -> GuestFile:
        check_path(path)
        async with self._call("pull_file", name, Ability.FILES):
            found = (self._idle(name).disk or {}).get(path)
            if found is None:
                raise errors.NotFoundError(f"{name} has no file {path}")
            if len(found.content) > limit_bytes:
                raise errors.InvalidError(f"{path} is larger than {limit_bytes} bytes")
            return found

    async def execute(self, name: str, command: Command) -> Finished:
        async with self._call("execute", name, Ability.EXEC):
            guest = self._idle(name, running=True)
            ran = programs.run(command.words, command.stdin, _disk(guest))
            time = self._world.time
            await time.until(time.now() + min(ran.seconds, command.limit_seconds))
            if ran.seconds > command.limit_seconds:
                raise errors.TaskFailedError(
                    f"The command took longer than {command.limit_seconds:g} seconds, "
                    "it was killed"
                )
            self._world.save(guest)
            limit = command.output_limit
            return Finished(
                ran.code,
                ran.output[:limit],
                ran.errors[:limit],
                truncated=max(len(ran.output), len(ran.errors)) > limit,
            )

    @asynccontextmanager
    async def open_terminal(self, name: str, size: TerminalSize) -> AsyncIterator[Terminal]:
        async with self._call("open_terminal", name, Ability.CONSOLE):
            guest = self._idle(name, running=True)
        terminal = SimulatedTerminal(_disk(guest), size)
        try:
            yield terminal
        finally:
            terminal.end()


class SimulatedTerminal:
    """Echoes what is typed and answers line by line."""

    def __init__(self, disk: Disk, size: TerminalSize) -> None:
        self._disk = disk
        self._size = size
        self._line = b""
        self._over = False
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._said.put_nowait(GREETING.encode() + b"# ")

    async def read(self) -> bytes:
        """Return what comes next; nothing at the end."""
        if self._over and self._said.empty():
            return b""
        return await self._said.get()

    async def write(self, data: bytes) -> None:
        """Type; a whole line is run."""
        if self._over:
            raise errors.NotFoundError("The terminal session is over")
        self._said.put_nowait(data.replace(b"\n", b"\r\n"))
        *lines, self._line = (self._line + data.replace(b"\r", b"\n")).split(b"\n")
        for line in lines:
            self._run(line.decode(errors="replace"))

    async def resize(self, size: TerminalSize) -> None:
        """Remember how large the window is."""
        self._size = size

    def end(self) -> None:
        """End the session; who reads gets the end."""
        self._over = True
        self._said.put_nowait(b"")

    def _run(self, line: str) -> None:
        if line.split()[:1] == ["exit"]:
            self.end()
        elif line.strip() and not self._over:
            ran = programs.run(("sh", "-c", line), b"", self._disk, self._size)
            said = (ran.output + ran.errors).replace(b"\n", b"\r\n")
            self._said.put_nowait(said + b"# ")


def _disk(guest: SimulatedGuest) -> Disk:
    if guest.disk is None:
        guest.disk = {}
    return guest.disk
