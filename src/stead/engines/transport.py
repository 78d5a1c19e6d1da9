"""Connections to engines, closed also when whoever waits for their handshake is cancelled.

httpcore closes a connection whose handshake failed, but not one whose handshake nobody waits for
any more: that one stayed open until it was collected.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
from typing_extensions import override


def to_engine(tls: ssl.SSLContext, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    """Return a transport that trusts as this context says, and leaves no connection behind."""
    made = httpx.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False)
    made._pool._network_backend = _Network()  # noqa: SLF001  (httpx has no door for it)
    return made


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    @override
    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection before its handshake; what the handshake returns takes its place."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    @override
    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        shaken = False
        try:
            made = await self._inner.start_tls(ssl_context, server_hostname, timeout)
            shaken = True
        finally:
            if not shaken:
                await self._inner.aclose()
        return made

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
