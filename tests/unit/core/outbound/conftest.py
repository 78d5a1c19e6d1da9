"""A small real server that remembers what it was sent, and names that lead to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import pytest

from stead.core.outbound import Limits, Outbound, Policy
from stead.core.outbound.addresses import Address, Network
from stead.core.outbound.dialling import Doorkeeper

HERE = "127.0.0.1"


@dataclass
class Place:
    """A server: what it answers by path, and every request that reached it."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    # Set by tests in which the server takes its time.
    slow: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(_length(head)) if _length(head) else b""
            self.heard.append((head + body).decode())
            if self.slow:
                await reader.read()
            path = head.split(b" ")[1].decode()
            writer.write(self.answers.get(path, _answer(b"hello")))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Names:
    """A resolver that says what a test tells it to, one answer after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> tuple[Address, ...]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return tuple(ip_address(one) for one in answer)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Mark: Yes\r\n\r\n%b" % (len(body), body)


def redirect(status: int, to: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    one = Place()
    server = await asyncio.start_server(one.serve, HERE, 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


Opened = Callable[..., Outbound]


@pytest.fixture
def opened() -> Opened:
    """Return a maker of clients for which this machine is allowed, unless told otherwise."""

    def make(
        names: Names | None = None,
        *,
        allowed: tuple[str, ...] = ("127.0.0.1/32",),
        **limits: float,
    ) -> Outbound:
        networks: tuple[Network, ...] = tuple(ip_network(one) for one in allowed)

        async def policy() -> Policy:
            return Policy(networks, Limits(**limits))  # type: ignore[arg-type]  # numbers

        doorkeeper = Doorkeeper(names or Names([HERE]), is_own=lambda _: False)
        return Outbound(policy, doorkeeper=doorkeeper)

    return make
