"""Files, commands and terminals in Incus's guests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from stead.engines import errors
from stead.engines.abilities import Terminal
from stead.engines.drivers.incus.client import Json
from stead.engines.drivers.incus.ground import Ground, table
from stead.engines.values import Command, Finished, GuestFile, TerminalSize

NOT_EXECUTABLE, NOT_FOUND = 126, 127
_GRACE_SECONDS = 5.0
_KILL = {"command": "signal", "signal": 9}


class Inside(Ground):
    """Reaches into guests."""

    async def push_file(self, name: str, file: GuestFile) -> None:
        _check_path(file.path)
        headers = _owned("file", file.mode) | {"X-Incus-write": "overwrite"}
        try:
            await self._push(name, file.path, file.content, headers)
        except errors.NotFoundError:
            await self._make_folders(name, file.path)
            await self._push(name, file.path, file.content, headers)

    async def pull_file(self, name: str, path: str, *, limit_bytes: int) -> GuestFile:
        _check_path(path)
        found = await self._client.read_file(f"/instances/{name}/files", path, limit_bytes)
        if found is None:
            raise errors.InvalidError(f"{path[:80]} is no file of up to {limit_bytes} bytes")
        return GuestFile(path, found.content, found.mode)

    async def execute(self, name: str, command: Command) -> Finished:
        await self._guest(name, running=True)
        body: dict[str, Json] = {"command": list(command.words), "interactive": False}
        async with self._session(name, body) as session:
            try:
                async with asyncio.timeout(command.limit_seconds):
                    output, said, _ = await asyncio.gather(
                        _read(session.sockets["1"], command.output_limit),
                        _read(session.sockets["2"], command.output_limit),
                        _tell(session.sockets["0"], command.stdin),
                    )
                    code = await self._exit_code(session.operation)
            except TimeoutError as error:
                raise errors.TaskFailedError(
                    f"The command took longer than {command.limit_seconds:g} seconds, "
                    "it was killed"
                ) from error
            session.over = True
        truncated = max(len(output), len(said)) > command.output_limit
        limit = command.output_limit
        return Finished(code, output[:limit], said[:limit], truncated=truncated)

    @asynccontextmanager
    async def open_terminal(self, name: str, size: TerminalSize) -> AsyncIterator[Terminal]:
        await self._guest(name, running=True)
        body: dict[str, Json] = {
            "command": ["sh", "-l"],
            "interactive": True,
            "width": size.columns,
            "height": size.rows,
            "environment": {"TERM": "xterm-256color"},
        }
        async with self._session(name, body) as session:
            yield IncusTerminal(session.sockets["0"], session.sockets["control"])

    @asynccontextmanager
    async def _session(self, name: str, body: dict[str, Json]) -> "AsyncIterator[_Session]":
        """Begin a command with its sockets; kill it unless it is over when the context is left."""
        operation, details = await self._client.begin(
            f"/instances/{name}/exec",
            "run a command",
            {"wait-for-websocket": True, "record-output": False, "environment": {}, **body},
        )
        async with AsyncExitStack() as stack:
            sockets: dict[str, ClientConnection] = {}
            # The command begins when its descriptors are there, and a short one is over before
            # anybody could attach its control.
            secrets = table(details.get("fds"))
            for fd, secret in sorted(secrets.items(), reverse=True):
                path = f"/operations/{operation}/websocket"
                sockets[fd] = await stack.enter_async_context(
                    self._client.socket(path, "attach to a command", secret=str(secret))
                )
            session = _Session(operation, sockets)
            try:
                yield session
            finally:
                if not session.over:
                    with suppress(ConnectionClosed):
                        await sockets["control"].send(json.dumps(_KILL))

    async def _exit_code(self, operation: str) -> int:
        try:
            while not (ended := await self._client.outcome(operation, "run a command")):
                pass
        except errors.EngineError as error:
            if "not found" in error.native.lower():
                return NOT_FOUND
            if "not executable" in error.native.lower():
                return NOT_EXECUTABLE
            raise
        code = table(ended.get("metadata")).get("return")
        if not isinstance(code, int):
            raise errors.OutcomeUnknownError("Incus does not say how the command ended")
        return code

    async def _make_folders(self, name: str, path: str) -> None:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            folder = "/" + "/".join(parts[:depth])
            try:
                await self._push(name, folder, b"", _owned("directory", 0o755))
            except errors.ConflictError:
                continue

    async def _push(self, name: str, path: str, content: bytes, headers: dict[str, str]) -> None:
        await self._client.upload(
            f"/instances/{name}/files",
            "put a file into a container",
            content,
            headers,
            path=path,
        )


@dataclass(slots=True)
class _Session:
    """A command that runs, and the sockets to its descriptors."""

    operation: str
    sockets: dict[str, ClientConnection]
    over: bool = False


class IncusTerminal:
    """An interactive command: one socket carries what is typed and said, one the window's size."""

    def __init__(self, data: ClientConnection, control: ClientConnection) -> None:
        self._data = data
        self._control = control
        self._over = False

    async def read(self) -> bytes:
        """Return what comes next; nothing at the end."""
        while not self._over:
            try:
                part = await self._data.recv()
            except ConnectionClosed:
                part = ""
            # An empty text frame is the end; Incus leaves the socket open after it.
            if isinstance(part, bytes):
                return part
            self._over = not part
        return b""

    async def write(self, data: bytes) -> None:
        """Type."""
        try:
            if not self._over:
                return await self._data.send(data)
        except ConnectionClosed:
            self._over = True
        raise errors.NotFoundError("The terminal session is over")

    async def resize(self, size: TerminalSize) -> None:
        """Tell the guest how large the window is."""
        arguments = {"width": str(size.columns), "height": str(size.rows)}
        with suppress(ConnectionClosed):
            await self._control.send(json.dumps({"command": "window-resize", "args": arguments}))


async def _read(socket: ClientConnection, limit: int) -> bytes:
    """Read to the end and keep the beginning, and one byte more when something was dropped."""
    kept = bytearray()
    with suppress(ConnectionClosed):
        while isinstance(part := await socket.recv(), bytes) or part:
            data = part if isinstance(part, bytes) else part.encode()
            kept += data[: limit + 1 - len(kept)]
    return bytes(kept)


async def _tell(socket: ClientConnection, stdin: bytes) -> None:
    # A command that does not listen closes its end; that is its right.
    with suppress(ConnectionClosed):
        for at in range(0, len(stdin), 65536):
            await socket.send(stdin[at : at + 65536])
        await socket.send("")


def _check_path(path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise errors.InvalidError(f"{path[:80]!r} is no path of a file")


def _owned(kind: str, mode: int) -> dict[str, str]:
    return {
        "X-Incus-uid": "0",
        "X-Incus-gid": "0",
        "X-Incus-type": kind,
        "X-Incus-mode": f"{mode:04o}",
    }
