"""HTTP/1.1 with the double's own reason phrases, over TLS, closing what idles too long."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import h11
from tests.proxmox.wire import DroppedError, Request, Response

Answer = Callable[[Request], Awaitable[Response]]
Upgrade = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
READ_BYTES = 65536
MOVED = b"Moved Permanently"


class Server:
    """Listens on a loopback port until closed."""

    def __init__(self, answer: Answer, upgrade: Upgrade, idle: Callable[[], float]) -> None:
        self._answer = answer
        self._upgrade = upgrade
        self._idle = idle
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.opened = 0

    async def listen(self, tls: ssl.SSLContext, port: int = 0) -> int:
        """Begin to answer and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Stop listening and cut every connection."""
        if self._server:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection; new ones are welcome."""
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        self.opened += 1
        try:
            await self._converse(reader, writer)
        except (
            ConnectionError,
            h11.RemoteProtocolError,
            DroppedError,
            TimeoutError,
            ssl.SSLError,
        ):
            pass
        except asyncio.CancelledError:
            # The server is closing or the connection was cut: not an error of anybody.
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32768)
        while True:
            request = await self._read(connection, reader)
            if request is None:
                return
            if request.headers.get("upgrade", "").lower() == "websocket":
                await self._upgrade(request, reader, writer)
                return
            response = await self._answer(request)
            writer.write(serialize(response, head=request.method == "HEAD"))
            await writer.drain()
            if response.close or request.headers.get("connection", "").lower() == "close":
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    writer.write_eof() if writer.can_write_eof() else None
                writer.close()
                return
            connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32768)

    async def _read(
        self, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                wait = self._idle() if head is None else None
                data = await asyncio.wait_for(reader.read(READ_BYTES), wait)
                if not data and head is None:
                    return None
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
            else:
                return None


def serialize(response: Response, *, head: bool = False) -> bytes:
    """Write an answer, status line first, with the headers that the real one sends."""
    date = formatdate(usegmt=True)
    headers = {
        "Cache-Control": "max-age=0",
        "Connection": "close" if response.close else "Keep-Alive",
        "Date": date,
        "Pragma": "no-cache",
        "Server": "pve-api-daemon/3.0",
        "Content-Length": str(len(response.body)),
        "Expires": date,
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    start = "\r\n".join([*lines, "", ""]).encode()
    return start if head else start + response.body
