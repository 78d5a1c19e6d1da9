"""A connection to a Redis: commands in, answers out, and what is rung."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from stead.kit.secrets import Secret
from stead_agent import resp

PORT: Final = 6379
SECONDS: Final = 10.0
_CHUNK: Final = 64 * 1024


class RedisError(Exception):
    """The Redis cannot be used now; the message says why, without a password."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a Redis is, and as whom to sign in."""

    host: str
    port: int
    user: str
    password: Secret = field(repr=False)
    ca: str = field(repr=False)


def door(url: str, ca_file: Path) -> Door:
    """Return where the settings say that it is. Raises RedisError."""
    parts = urlsplit(url)
    try:
        ca, port = ca_file.read_text(encoding="ascii"), parts.port or PORT
    except (OSError, ValueError) as error:
        raise RedisError(f"redis.ca_file or the port of redis.url: {error}") from error
    user = unquote(parts.username or "default")
    return Door(parts.hostname or "", port, user, Secret(unquote(parts.password or "")), ca)


class Connection:
    """One connection; commands that are given at once are answered in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stream, self._writer = reader, writer
        self._answers = resp.Reader()
        self._turn = asyncio.Lock()

    async def do(self, *commands: tuple[str | bytes | int, ...]) -> list[object]:
        """Give commands and return their answers. Raises RedisError, also when one is refused."""
        async with self._turn:
            try:
                async with asyncio.timeout(SECONDS):
                    self._writer.write(b"".join(resp.encode(*words) for words in commands))
                    await self._writer.drain()
                    return [_accepted(await self._next()) for _ in commands]
            except (OSError, TimeoutError, resp.RespError) as error:
                # What is still to come would be taken for the answer to something else.
                self.close()
                raise RedisError(f"{type(error).__name__}: {error}") from error

    async def rings(self, *patterns: str) -> AsyncIterator[str | None]:
        """Tell the channels of these patterns that are rung; None once it listens."""
        await self.do(*(("PSUBSCRIBE", one) for one in patterns))
        yield None
        while True:
            try:
                told = _accepted(await self._next())
            except (OSError, resp.RespError) as error:
                raise RedisError(f"{type(error).__name__}: {error}") from error
            if isinstance(told, list) and len(told) == 4 and isinstance(told[2], bytes):  # noqa: PLR2004
                yield told[2].decode(errors="replace")

    def close(self) -> None:
        """Give it back; a farewell over TLS would outlast whoever asked for it."""
        self._writer.transport.abort()

    async def _next(self) -> object:
        while (whole := self._answers.take()) is None:
            data = await self._stream.read(_CHUNK)
            if not data:
                raise ConnectionResetError("the connection was closed")
            self._answers.feed(data)
        return whole[0]


async def connect(where: Door) -> Connection:
    """Connect over TLS and sign in. Raises RedisError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=where.ca)
        async with asyncio.timeout(SECONDS):
            found = Connection(*await _shake_hands(where, context))
    except (OSError, TimeoutError, ValueError) as error:
        raise RedisError(
            f"{where.host}:{where.port}: {str(error) or type(error).__name__}"
        ) from error
    with ExitStack() as unless_well:
        unless_well.callback(found.close)
        await found.do(("AUTH", where.user, where.password.reveal()))
        unless_well.pop_all()
    return found


async def _shake_hands(
    where: Door, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect over TLS; a handshake that nobody waits for any more leaves no connection open."""
    reader, writer = await asyncio.open_connection(where.host, where.port)
    with ExitStack() as unless_well:
        unless_well.callback(writer.transport.abort)
        await writer.start_tls(context, server_hostname=where.host)
        unless_well.pop_all()
    return reader, writer


def _accepted(answer: object) -> object:
    if isinstance(answer, resp.Refusal):
        raise RedisError(f"refused: {answer}")
    return answer
