"""The proxy of a terminal: it waits for its viewer, checks the ticket and carries bytes."""

import asyncio
import re

from tests.proxmox import frames, login
from tests.proxmox.call import Identity
from tests.proxmox.tasks import Job, TaskFailed
from tests.proxmox.terminal import Terminal
from tests.proxmox.world import Guest, World

RING = 4096
HEADER = re.compile(rb"0:(\d+):")
RESIZE = re.compile(rb"1:\d+:\d+:")
FIRST_PORT = 5900
NOT_UP = "lxc-attach: {0}: ../src/lxc/attach.c: get_attach_context: 477 Failed to get init pid\n"


class Proxy:
    """One terminal proxy: it waits for a viewer, checks the ticket and carries bytes."""

    def __init__(self, world: World, guest: Guest | None, who: Identity, path: str) -> None:
        self.world = world
        self.guest = guest
        self.who = who
        self.path = path
        self.port = next(port for port in range(FIRST_PORT, 6000) if port not in world.consoles)
        self.ticket = login.make_ticket(world, who.name, "PVEVNC", about(who.name, path))
        self.viewer = asyncio.Event()
        self.greeted = asyncio.Event()
        self.done = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None
        self._first = bytearray()
        self._rest = 0
        self._open = False
        self._held = b""
        world.consoles[self.port] = self

    @property
    def command(self) -> str:
        vmid = self.path.rpartition("/")[2]
        attach = f"lxc-attach --clear-env -n {vmid}"
        dtach = f"/usr/bin/dtach -A /var/run/dtach/vzctlconsole{vmid} -r winch -z {attach}"
        return f"/usr/bin/termproxy {self.port} --path {self.path} --perm VM.Console -- {dtach}"

    async def work(self, job: Job) -> None:
        """Wait for the viewer and its ticket, then until the end."""
        failed = TaskFailed(f"command '{self.command}' failed: exit code 1")
        try:
            if not await self._within(self.viewer):
                job.say("failed waiting for client: timed out")
                raise failed
            job.say(f"client connection: 127.0.0.1:{self.port + 40000}")
            if not await self._within(self.greeted):
                job.say("failed reading ticket: timed out")
                raise failed
            if not self._authentic():
                await self.world.clock.sleep(self.world.settings.failed_login)
                job.say("authentication request failed")
                raise failed
            await self._serve()
        finally:
            self.world.consoles.pop(self.port, None)
            self._hang_up()

    async def _within(self, event: asyncio.Event) -> bool:
        """Whether something happens in time."""
        limit = asyncio.ensure_future(self.world.clock.sleep(self.world.settings.console_connect))
        wanted = asyncio.ensure_future(event.wait())
        ended = asyncio.ensure_future(self.done.wait())
        try:
            await asyncio.wait({limit, wanted, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (limit, wanted, ended):
                one.cancel()
        return event.is_set()

    def _authentic(self) -> bool:
        """Whether the first line names a user with a ticket or password and the privilege."""
        line = bytes(self._first).partition(b"\n")[0].decode("utf-8", "replace")
        user, _, ticket = line.partition(":")
        found = self.world.access.users.get(user)
        if found is None or not login.alive(self.world, user):
            return False
        known = (
            login.console_ticket_valid(self.world, ticket, about(user, self.path))
            or login.ticket_user(self.world, ticket) == user
            or (found.password and found.password == self.world.access.digest(ticket))
        )
        return bool(known) and self.world.access.has(user, self.path, "VM.Console")

    async def _serve(self) -> None:
        self.send(b"OK")
        guest = self.guest
        if guest is None or not guest.running:
            self.send(NOT_UP.format(self.path.rpartition("/")[2]).replace("\n", "\r\n").encode())
            return
        if guest.console is None or guest.console.ended.is_set():
            guest.console = Terminal(self.world, guest)
        terminal: Terminal = guest.console
        self._open = True
        terminal.attach(self.send)
        self.typed(bytes(self._first).partition(b"\n")[2])
        gone = asyncio.ensure_future(self.done.wait())
        over = asyncio.ensure_future(terminal.ended.wait())
        try:
            await asyncio.wait({gone, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            over.cancel()
            terminal.detach(self.send)

    def send(self, data: bytes) -> None:
        if self.writer is not None and not self.writer.is_closing():
            self.writer.write(frames.write(data))

    def received(self, data: bytes) -> None:
        """Take the payload of a frame: the ticket first, then what is typed."""
        self.world.witness("before", f"FRAME {self.path}")
        if self._open:
            self.typed(data)
        else:
            self._first += data
            if b"\n" in self._first:
                self.greeted.set()
        self.world.witness("after", f"FRAME {self.path}")

    def typed(self, data: bytes) -> None:
        """Take messages through a small buffer: a header that it splits is lost."""
        for start in range(0, len(data), RING):
            self._chunk(data[start : start + RING])

    def _chunk(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        while data:
            if self._rest:
                part, data = data[: self._rest], data[self._rest :]
                self._rest -= len(part)
                if self.guest is not None and self.guest.console is not None:
                    self.guest.console.type(part)
                continue
            header = HEADER.match(data)
            if header:
                self._rest, data = int(header[1]), data[header.end() :]
            elif resize := RESIZE.match(data):
                data = data[resize.end() :]
            elif data[:1] == b"2":
                data = data[1:]
            else:
                # Only a lone first byte is kept; a header in two parts is forgotten.
                self._held = data if data == b"0" else b""
                return

    def _hang_up(self) -> None:
        if self.writer is not None:
            self.writer.close()


def about(who: str, path: str) -> str:
    return f":{who}:{path}"
