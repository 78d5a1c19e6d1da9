"""A small HTTP/1.1 client for load; a general one costs so much that it would be measured."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from stead.kit import clock
from stead_agent import signing


class ClosedError(Exception):
    """The other side closed the connection."""


class Connection:
    """One connection, which is made when it is first used."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._place = (host, port)
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request; return the status and the whole body."""
        used = self._streams is not None
        try:
            return await self._exchange(method, target, body, headers or {})
        except (asyncio.IncompleteReadError, ConnectionError):
            # An idle connection that was closed meanwhile says nothing, as agents see it too.
            if not used:
                raise
        self.close()
        return await self._exchange(method, target, body, headers or {})

    async def follow(
        self, target: str, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield server-sent events, kind and data, until the stream's end."""
        reader = await self._send("GET", target, b"", headers)
        status, _ = await _head(reader)
        if status != 200:
            raise ClosedError(f"the events were answered with HTTP {status}")
        rest = b""
        while size := int(await reader.readline(), 16):
            rest += await reader.readexactly(size)
            await reader.readline()
            *whole, rest = rest.split(b"\n\n")
            for block in whole:
                found = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
                if b"event" in found:
                    yield found[b"event"].decode(), json.loads(found[b"data"])

    def close(self) -> None:
        """Give the connection back."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        reader = await self._send(method, target, body, headers)
        status, told = await _head(reader)
        return status, await reader.readexactly(int(told.get("content-length", "0")))

    async def _send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> asyncio.StreamReader:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place, ssl=self._tls)
        reader, writer = self._streams
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._place[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        return reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *others = raw.decode().split("\r\n")
    pairs = (line.partition(":") for line in others if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


@dataclass(frozen=True)
class Signer:
    """Who signs requests to the control plane."""

    agent: str
    key: str

    async def ask(
        self, line: Connection, method: str, target: str, body: Mapping[str, object]
    ) -> tuple[int, bytes]:
        """Send a signed request as an agent does."""
        content = json.dumps(body).encode()
        sender = (self.agent, signing.new_nonce(), str(int(clock.utc_now().timestamp())))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Stead-Agent": sender[0],
            "Stead-Nonce": sender[1],
            "Stead-Time": sender[2],
            "Stead-Signature": signing.request_signature(
                self.key, (method, target), sender, content
            ),
        }
        return await line.ask(method, target, content, headers)
