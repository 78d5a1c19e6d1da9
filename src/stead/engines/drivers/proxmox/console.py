"""A root shell in a container over its console, only long enough to put one small file there.

The console is a terminal, so nothing on it is framed: what we send is echoed until the shell
says otherwise, lines have a limit, and every answer is told from its echo by a fresh marker.
Nothing that a guest says here is believed beyond that.
"""

import asyncio
import base64
import hashlib
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import ProxmoxClient, table
from stead.engines.drivers.proxmox.login import User
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.values import GuestFile
from stead.kit import ids

# A frame must stay below 128 KiB, and a message's header must never be split.
_FRAME: Final = 32 * 1024
_LINE: Final = 4000
_KEPT: Final = 64 * 1024
_ATTACHED: Final = rb"\x1b\[H\x1b\[J"
_PROMPT: Final = rb"[#$%>] ?(\x1b\[\S*)*\Z"
_ABSENT: Final = b"Failed to get init pid"
_QUIET: Final = (
    "unset HISTFILE; (set +o emacs +o vi) 2>/dev/null && set +o emacs +o vi; PS1= PS2=; "
    "stty sane -echo; export HOME=/root LC_ALL=C "
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; "
)


class Console:
    """One session on a console that shows a shell."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._heard = bytearray()
        self._more = asyncio.Event()
        self._ended = False

    async def listen(self) -> None:
        """Collect what the guest says until the session ends."""
        with suppress(ConnectionClosed):
            async for part in self._socket:
                self._heard += part if isinstance(part, bytes) else part.encode()
                del self._heard[:-_KEPT]
                self._more.set()
        self._ended = True
        self._more.set()

    async def begin(self, user: str, ticket: str) -> None:
        """Sign in and get hold of the shell, also of one that somebody left half-way."""
        await self._socket.send(f"{user}:{ticket}\n".encode())
        await self._expect(rb"\AOK", 10)
        # Until the terminal is attached, keys could end it.
        await self._expect(_ATTACHED, 10)
        with suppress(TimeoutError):
            await self._expect(_PROMPT, 1)
        for attempt in range(4):
            if re.search(rb"(login|[Pp]assword): ?\Z", self._heard):
                raise errors.ConflictError("The console asks for a login instead of a shell")
            if attempt:
                await self._type(b"\x03")
                await asyncio.sleep(0.4)
            with suppress(TimeoutError):
                return await self._sync()
        raise errors.LockedError("No shell answers on the console", native=self._tail())

    async def put(self, file: GuestFile, limit_seconds: float = 30) -> None:
        """Write one file whole or not at all; its content never is in a command line."""
        path, fresh = shlex.quote(file.path), f"{file.path}.{ids.new_id()}"
        part, nonce = shlex.quote(fresh), ids.new_id()
        content, digest = base64.b64encode(file.content), hashlib.sha256(file.content).hexdigest()
        folder = f'umask 077; mkdir -p "$(dirname {path})" && true >{part}'
        if await self._ask(folder) != 0:
            raise errors.TaskFailedError(f"The guest cannot write {file.path}")
        await self._line(
            f"stty -icanon -echo -ixon min 1 time 0; printf '%s%s\\n' G{nonce} O; "
            f"head -c {len(content)} | base64 -d >{part}; stty icanon; "
            f"printf '%s%s:%s:\\n' Z{nonce} E \"$(sha256sum <{part} | cut -c1-64)\""
        )
        # The shell must not read ahead into what is meant for the file.
        await self._wait(rb"G%bO\r*\n" % nonce.encode(), 10, "begin to write")
        await self._type(content)
        told = await self._wait(rb"Z%bE:(\w*):\r*\n" % nonce.encode(), limit_seconds, "write")
        if told[1].decode() != digest:
            await self._ask(f"rm -f {part}")
            raise errors.LockedError("The console lost a part of what was written")
        if await self._ask(f"chmod {file.mode:o} {part} && mv -f {part} {path}") != 0:
            raise errors.TaskFailedError("The file could not be put in its place")

    async def leave(self) -> None:
        """End the shell, and those around it; one that is left would be open to the next."""
        for _ in range(5):
            if self._ended:
                return
            with suppress(ConnectionClosed):
                await self._type(b"exit\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    while not self._ended:
                        self._more.clear()
                        await self._more.wait()
        raise errors.LockedError(
            "A root shell is left open on the console", hint="Restart the guest to end it"
        )

    async def _sync(self) -> None:
        nonce = ids.new_id()
        await self._type(b"\x15exec /bin/sh\n")
        await asyncio.sleep(0.15)
        await self._line(f"{_QUIET}printf '\\n%s%s %s\\n' R{nonce} Y \"$(id -u)\"")
        told = await self._expect(rb"R%bY (\d+)\r*\n" % nonce.encode(), 2.5)
        if int(told[1]) != 0:
            raise errors.ForbiddenError("The console's shell is not root's")

    async def _ask(self, command: str) -> int:
        nonce = ids.new_id()
        await self._line(f"{command}; printf '\\n%s%s:%s:\\n' Z{nonce} E $?")
        told = await self._wait(rb"Z%bE:(\d+):\r*\n" % nonce.encode(), 10, "answer")
        return int(told[1])

    async def _wait(self, pattern: bytes, seconds: float, doing: str) -> re.Match[bytes]:
        try:
            return await self._expect(pattern, seconds)
        except TimeoutError as error:
            raise errors.LockedError(
                f"The shell on the console did not {doing} in time", native=self._tail()
            ) from error

    async def _expect(self, pattern: bytes, seconds: float) -> re.Match[bytes]:
        async with asyncio.timeout(seconds):
            while (found := re.search(pattern, bytes(self._heard), re.DOTALL)) is None:
                if self._ended:
                    raise self._closed()
                self._more.clear()
                await self._more.wait()
        del self._heard[: found.end()]
        return found

    async def _type(self, data: bytes) -> None:
        """Send keys: one header for all of them, whatever the frames."""
        message = b"0:%d:" % len(data) + data
        for start in range(0, len(message), _FRAME):
            await self._socket.send(message[start : start + _FRAME])

    async def _line(self, text: str) -> None:
        line = text.encode() + b"\n"
        if len(line) > _LINE:
            raise errors.InvalidError("A path is longer than a console line can be")
        await self._type(line)

    def _closed(self) -> errors.EngineError:
        if _ABSENT in self._heard:
            return errors.LockedError("The guest is not running yet", native=self._tail())
        return errors.LockedError("The console was closed", native=self._tail())

    def _tail(self) -> str:
        return bytes(self._heard[-300:]).decode(errors="replace")


@asynccontextmanager
async def shell(client: ProxmoxClient, user: User, found: Found) -> AsyncIterator[Console]:
    """Open a console as a signed-in user; leaving the block ends the shell."""
    where = {"node": found.node, "vmid": found.vmid}
    opened = table(
        await client.call(calls.CT_TERM, "open its console", node=found.node, vmid=found.vmid)
    )
    path = calls.CT_TERM.path.removesuffix("termproxy").format_map(where)
    base = urlsplit(str(client.http.base_url))
    url = (
        f"wss://{base.netloc}/api2/json{path}vncwebsocket"
        f"?port={opened.get('port')}&vncticket={quote(str(opened.get('ticket')), safe='')}"
    )
    try:
        async with connect(
            url,
            ssl=client.tls,
            additional_headers={"Cookie": user.cookie()},
            subprotocols=[Subprotocol("binary")],
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=20,
            open_timeout=8,
        ) as socket:
            console = Console(socket)
            listening = asyncio.create_task(console.listen())
            try:
                await console.begin(str(opened.get("user")), str(opened.get("ticket")))
                yield console
                await console.leave()
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
    except (OSError, TimeoutError, WebSocketException) as error:
        raise errors.LockedError(
            f"The console of {found.name} broke off", native=str(error) or type(error).__name__
        ) from error
