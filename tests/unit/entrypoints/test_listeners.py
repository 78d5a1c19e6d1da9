"""The sockets that agents call, and what they show."""

import asyncio
import contextlib
import hashlib
import socket
import ssl
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from stead.core import pki
from stead.entrypoints.listeners import Gateways, listener_at
from stead.kit import clock


async def test_answers_to_agents_do_not_wait_for_acknowledgements():
    without_delay: list[int] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found: socket.socket = writer.get_extra_info("socket")
        without_delay.append(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with contextlib.closing(listener_at("127.0.0.1", 0)) as listener:
        async with await asyncio.start_server(answer, sock=listener) as server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()
            server.close()
    assert without_delay == [1]


HERE = IPv4Address("127.0.0.1")


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nobody."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((str(HERE), 0))
        port: int = probe.getsockname()[1]
        return port


async def shown(port: int, context: ssl.SSLContext) -> str:
    """Return which certificate a listener shows, as soon as it listens."""
    while True:
        try:
            _, writer = await asyncio.open_connection(str(HERE), port, ssl=context)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return hashlib.sha256(certificate).hexdigest()


async def test_agents_are_shown_a_new_certificate_before_the_old_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pki.ensure_root(tmp_path, "stead.localhost", IPv4Network("127.0.0.0/8"))
    authority, port = pki.load(tmp_path), free_port()
    trusting = ssl.create_default_context(cadata=authority.pem)
    gateways = Gateways(port, tmp_path)
    gateways.use(authority, nothing)
    await gateways.open(HERE)
    try:
        first = await shown(port, trusting)
        assert gateways.renew() == 0
        assert await shown(port, trusting) == first
        later = clock.utc_now() + timedelta(days=60, minutes=1)
        with monkeypatch.context() as patched:
            patched.setattr(clock, "utc_now", lambda: later)
            assert gateways.renew() == 1
            assert gateways.renew() == 0
        # The new one begins in sixty days, so that today nobody would accept it.
        with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
            await shown(port, trusting)
    finally:
        await gateways.close()
