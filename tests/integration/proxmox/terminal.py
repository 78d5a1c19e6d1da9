"""A terminal as Proxmox serves it over a websocket, with a real shell on a real pty behind it.

It carries its peculiarities: the length in a header counts bytes, a header that is split over
two frames is lost, and the end of a session is a dropped connection.
"""

import asyncio
import os
import pty
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

CLEAR = b"\x1b[H\x1b[J"


class Terminal:
    """Serves one shell to one viewer at a time; a viewer who comes later finds it as it is."""

    def __init__(self, home: Path, *, login: bool = False, first: bytes = b"") -> None:
        self._home = home
        self._login = login
        self._first = first
        self._missing = 0
        self.sessions = 0

    async def serve(self, socket: ServerConnection) -> None:
        """Check the ticket, attach, and pass keys one way and words the other."""
        if await socket.recv() != b"con@pve:right\n":
            socket.transport.abort()
            return
        await socket.send(b"OK")
        self.sessions += 1
        pid, master = self._shell()
        await socket.send(CLEAR)
        if self._first:
            os.write(master, self._first)
        reading = asyncio.create_task(self._talk(socket, master))
        try:
            async for message in socket:
                self._keys(message if isinstance(message, bytes) else message.encode(), master)
        finally:
            reading.cancel()
            _end(pid, master)

    def _shell(self) -> tuple[int, int]:
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self._home)
            words = ["cat"] if self._login else ["bash", "--norc", "--noprofile", "-i"]
            env = {"TERM": "linux", "PATH": os.environ["PATH"], "PS1": "# "}
            os.execvpe(words[0], words, env)  # noqa: S606  (the shell is what this is about)
        return pid, master

    async def _talk(self, socket: ServerConnection, master: int) -> None:
        if self._login:
            await socket.send(b"Debian GNU/Linux 12 ct tty1\r\n\r\nct login: ")
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while words := await loop.run_in_executor(None, os.read, master, 4096):
                await socket.send(words)
        socket.transport.abort()

    def _keys(self, message: bytes, master: int) -> None:
        if self._missing:
            os.write(master, message[: self._missing])
            self._missing -= len(message)
            return
        header = re.match(rb"0:(\d+):", message)
        if header is None:
            return
        keys = message[header.end() :]
        os.write(master, keys[: int(header[1])])
        self._missing = int(header[1]) - len(keys)


def _end(pid: int, master: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.close(master)
    os.waitpid(pid, 0)


@asynccontextmanager
async def terminal(home: Path, **how: object) -> AsyncIterator[tuple[Terminal, str]]:
    """Serve a terminal on the loopback; gives its address."""
    one = Terminal(home, **how)  # type: ignore[arg-type]  (passed on as they are)
    async with serve(one.serve, "127.0.0.1", 0, compression=None, max_size=131_072) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield one, f"ws://127.0.0.1:{port}/"
