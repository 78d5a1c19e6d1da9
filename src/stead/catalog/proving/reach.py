"""Asks a service from outside of its guest: does it answer as its manifest says."""

import asyncio
import contextlib
import re
from typing import Final

from stead.catalog.schemas import Service

SECONDS: Final = 10.0
_LIMIT: Final = 256 * 1024
_ERRORS: Final = 500
_SAMPLE = re.compile(rb"(?m)^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [0-9.eE+-]+")


async def answers(address: str, port: int, service: Service) -> str | None:
    """Return why a service does not answer as it should, or None when it does."""
    if service.protocol == "http":
        path = service.health_path or service.path or "/"
        status = await _status(address, port, path)
        good = status and (status < _ERRORS if service.health_path is None else status == 200)  # noqa: PLR2004 - OK
        return None if good else f"{path} answers {status or 'nothing'}"
    probe = service.probe
    send = bytes.fromhex(probe.send) if probe else b""
    answer = await exchange(address, port, send, wait=probe is not None)
    if answer is None:
        return "nobody listens"
    if probe and not re.search(probe.expect, answer.decode("latin-1")):
        return f"answers {answer[:60]!r} instead of {probe.expect}"
    return None


async def figures(address: str, port: int, path: str) -> bool:
    """Tell whether figures in the text format of Prometheus can be fetched."""
    answer = await _fetch(address, port, path)
    return bool(_SAMPLE.search(answer.partition(b"\r\n\r\n")[2]))


async def exchange(address: str, port: int, send: bytes, *, wait: bool) -> bytes | None:
    """Send bytes and return the first that come back; None where nobody listens."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(send)
                return await reader.read(4096) if wait else b""
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None


async def _status(address: str, port: int, path: str) -> int:
    line = (await _fetch(address, port, path)).partition(b"\r\n")[0].split()
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0


async def _fetch(address: str, port: int, path: str) -> bytes:
    request = f"GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(request)
                while len(answer) < _LIMIT and (part := await reader.read(65536)):
                    answer += part
            finally:
                writer.close()
    return answer
