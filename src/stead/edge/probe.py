"""Asks the edge as a client would, to see whether a route is really served.

One call is one attempt and never raises for what the network does; the caller repeats it.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stead.edge.traefik import UNKNOWN_HEADER, UNKNOWN_HOST

_SECONDS = 3.0
_SETTLE_SECONDS = 0.25
_MAX_HEAD = 65_536
_MAX_ANSWER = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")
_FIRST_FAILURE = 500
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the route answered, and if not, what was in the way."""

    ok: bool
    error: str = ""
    status: int | None = None


async def probe_http(
    address: str, port: int, host: str, ca_file: Path, path: str = "/"
) -> ProbeResult:
    """Ask for a path of a host at an address, trusting only the given CA.

    Anything below 500 counts as an answer of the app, except the edge's own page for
    hosts that it does not serve.
    """
    try:
        context = _trusting(ca_file)
        request = _request(host, port, path)
        async with asyncio.timeout(_SECONDS):
            head = await _ask(address, port, request, context, host)
    except TimeoutError:
        return ProbeResult(ok=False, error=f"no answer within {_SECONDS:g} s")
    except ssl.SSLCertVerificationError as error:
        return ProbeResult(ok=False, error=f"certificate: {error.verify_message}")
    except (OSError, EOFError, ValueError) as error:
        return ProbeResult(ok=False, error=_say(error))
    return _judge(head)


async def probe_tcp(address: str, port: int, send: bytes, expect: str | None) -> ProbeResult:
    """Connect, send, and look for a regular expression in what comes back.

    Without an expectation the connection must stay open for a moment: a proxy accepts
    first and hangs up when nobody is behind it.
    """
    try:
        wanted = re.compile(expect) if expect is not None else None
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(send)
                await writer.drain()
                return await (_stays(reader) if wanted is None else _matches(reader, wanted))
            finally:
                writer.close()
    except TimeoutError:
        return ProbeResult(ok=False, error=f"no answer within {_SECONDS:g} s")
    except re.error as error:
        return ProbeResult(ok=False, error=f"the expected pattern is invalid: {error}")
    except OSError as error:
        return ProbeResult(ok=False, error=_say(error))


def _request(host: str, port: int, path: str) -> bytes:
    text = f"{host}{path}"
    if not path.startswith("/") or not text.isascii() or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("host and path must be printable ASCII without spaces")
    name = host if port == _HTTPS else f"{host}:{port}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: stead-probe\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    ).encode()


async def _ask(
    address: str, port: int, request: bytes, context: ssl.SSLContext, host: str
) -> bytes:
    reader, writer = await asyncio.open_connection(
        address, port, ssl=context, server_hostname=host, limit=_MAX_HEAD
    )
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.transport.abort()


def _judge(head: bytes) -> ProbeResult:
    status = _STATUS.match(head)
    if not status:
        return ProbeResult(ok=False, error="the answer is not HTTP")
    code = int(status[1])
    mark = f"\r\n{UNKNOWN_HEADER}: {UNKNOWN_HOST}\r\n".lower().encode()
    if mark in head.lower():
        return ProbeResult(ok=False, error="the edge does not serve this host yet", status=code)
    if code >= _FIRST_FAILURE:
        return ProbeResult(ok=False, error=f"the app answered {code}", status=code)
    return ProbeResult(ok=True, status=code)


async def _matches(reader: asyncio.StreamReader, wanted: re.Pattern[str]) -> ProbeResult:
    answer = b""
    while len(answer) < _MAX_ANSWER:
        chunk = await reader.read(4096)
        answer += chunk
        if wanted.search(answer.decode("latin-1")):
            return ProbeResult(ok=True)
        if not chunk:
            break
    return ProbeResult(ok=False, error=f"the answer does not match {wanted.pattern}")


async def _stays(reader: asyncio.StreamReader) -> ProbeResult:
    try:
        async with asyncio.timeout(_SETTLE_SECONDS):
            said = await reader.read(1)
    except TimeoutError:
        return ProbeResult(ok=True)
    return ProbeResult(ok=True) if said else ProbeResult(ok=False, error="nobody is behind it")


def _trusting(ca_file: Path) -> ssl.SSLContext:
    """Return a context for a CA file, read again when it changes."""
    return _context(ca_file.read_text(encoding="ascii"))


@lru_cache(maxsize=8)
def _context(authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authorities)
    return context


def _say(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
