"""A terminal in a guest that outlives its viewers: a line discipline with a login or a shell."""

import asyncio
from collections.abc import Callable

from tests.proxmox.shell import Shell
from tests.proxmox.world import Guest, World

LONGEST_LINE = 4095
CLEAR = b"\x1b[H\x1b[J"
TERMINATED = b"\x1b[999H\r\n[EOF - dtach terminating]\r\n\x1b[?25h"
INTERRUPT, KILL = 0x03, 0x15

Viewer = Callable[[bytes], None]


class Terminal:
    """One session; it ends when its shell exits or its guest stops."""

    def __init__(self, world: World, guest: Guest) -> None:
        self.world = world
        self.guest = guest
        self.canonical = True
        self.echo = True
        self.ended = asyncio.Event()
        self.viewers: list[Viewer] = []
        self._line = bytearray()
        self._input = bytearray()
        self._arrived = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.breaks = 0
        self.transcript = bytearray()
        work = self._shell() if guest.mode == "shell" else self._login()
        self._work = asyncio.create_task(work)
        world.in_background(self._work)

    def attach(self, viewer: Viewer) -> None:
        """Show the session to one more viewer; what was shown before is not repeated."""
        self.viewers.append(viewer)
        viewer(CLEAR)
        if not self.transcript:
            self.write(self.greeting)

    @property
    def greeting(self) -> bytes:
        name = str(self.guest.config.get("hostname", "localhost"))
        if self.guest.mode == "shell":
            return f"\x1b[?2004hroot@{name}:/# ".encode()
        return f"\r\nDebian GNU/Linux 12 {name} tty1\r\n\r\n{name} login: ".encode()

    def detach(self, viewer: Viewer) -> None:
        if viewer in self.viewers:
            self.viewers.remove(viewer)

    def close(self) -> None:
        """End the session at once, as a guest that stops does."""
        self._work.cancel()
        self.ended.set()

    def write(self, output: bytes) -> None:
        """Show output to everybody; two terminals in a row make three characters of a new line."""
        shown = output.replace(b"\n", b"\r\r\n")
        self.transcript += shown
        for viewer in list(self.viewers):
            viewer(shown)

    def type(self, data: bytes) -> None:
        """Take what a viewer typed."""
        for byte in data:
            if byte == INTERRUPT:
                self._line.clear()
                self._input.clear()
                self.interrupted.set()
                self.breaks += 1
                self._arrived.set()
            elif not self.canonical:
                self._input.append(byte)
            elif byte == KILL:
                self._line.clear()
            elif byte in b"\r\n":
                self._input += bytes(self._line[:LONGEST_LINE]) + b"\n"
                self._line.clear()
            else:
                self._line.append(byte)
        if self.echo:
            self.write(bytes(byte for byte in data if byte not in (INTERRUPT, KILL)))
        self._arrived.set()

    async def read(self, count: int) -> bytes:
        """Return so many bytes of input, fewer when interrupted."""
        self.interrupted.clear()
        while len(self._input) < count and not self.interrupted.is_set():
            self._arrived.clear()
            await self._arrived.wait()
        found = bytes(self._input[:count])
        del self._input[:count]
        return found

    async def line(self) -> str:
        """Return the next line of input."""
        while b"\n" not in self._input:
            self.interrupted.clear()
            self._arrived.clear()
            await self._arrived.wait()
        found, _, rest = bytes(self._input).partition(b"\n")
        self._input = bytearray(rest)
        return found.decode("utf-8", "replace").rstrip("\r")

    async def _shell(self) -> None:
        await Shell(self).interact()
        self.write(TERMINATED)
        self.ended.set()

    async def _login(self) -> None:
        name = str(self.guest.config.get("hostname", "localhost"))
        while True:
            user = await self.line()
            self.echo = False
            self.write(b"Password: ")
            password = await self.line()
            self.echo = True
            if user == "root" and self.guest.password and password == self.guest.password:
                self.write(f"\nLinux {name}\nroot@{name}:~# ".encode())
                await Shell(self).interact()
            else:
                self.write(b"\n\nLogin incorrect\n")
            self.write(f"{name} login: ".encode())
