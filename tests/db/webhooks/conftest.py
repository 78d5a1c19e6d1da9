"""A receiver that can misbehave, and a courier that trusts its certificate."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.factories.platform import Platform

from stead.core import pki
from stead.core.authz import Actor, Role
from stead.core.db import Database
from stead.core.outbound import Limits, Outbound, Policy
from stead.core.outbound.addresses import Address
from stead.core.outbound.dialling import Doorkeeper
from stead.webhooks.courier import Courier

HERE = "127.0.0.1"
HOST = "hooks.example"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 6\r\n\r\nbroken"


@dataclass
class Receiver:
    """What hears of things: its answer, and everything that reached it."""

    port: int = 0
    answer: bytes = OK
    heard: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    # While it is clear, nothing is answered.
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/stead"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, _, value in lines}
            self.bodies.append(await reader.readexactly(int(headers["content-length"])))
            self.heard.append(headers)
            self.reached.set()
            await self.answers.wait()
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def is_signed(self, number: int, secret: str) -> bool:
        """Tell whether what was heard is signed with this secret, as a receiver would."""
        headers, body = self.heard[number], self.bodies[number]
        signed = headers["stead-timestamp"].encode() + b"." + body
        mark = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return f"v1={mark}" in headers["stead-signature"].split(",")


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    one = Receiver()
    one.answers.set()
    folder = tmp_path / "receiver"
    folder.mkdir()
    pki.ensure_root(folder, "example", IPv4Network("10.0.0.0/8"))
    leaf = pki.load(folder).issue(names=(HOST,))
    (folder / "chain.pem").write_text(leaf.chain)
    (folder / "key.pem").write_text(leaf.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    server = await asyncio.start_server(one.serve, HERE, 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    one.answers.set()
    server.close()


MakeCourier = Callable[..., Courier]


@pytest.fixture
def courier_of(platform: Platform, tmp_path: Path) -> MakeCourier:
    """Return a maker of couriers; every name leads here, which is allowed unless told."""

    def make(
        *, allowed: tuple[str, ...] = (f"{HERE}/32",), limits: Limits | None = None
    ) -> Courier:
        async def policy() -> Policy:
            return Policy(tuple(ip_network(one) for one in allowed))

        async def resolve(_host: str, _port: int) -> tuple[Address, ...]:
            return (ip_address(HERE),)

        pem = (tmp_path / "receiver" / "ca.pem").read_text()
        outbound = Outbound(
            policy, ssl.create_default_context(cadata=pem), Doorkeeper(resolve, lambda _: False)
        )
        return Courier(platform.database, platform.vault, outbound, limits or Limits(seconds=20))

    return make


@dataclass
class Room:
    """A project, its owner, and a client of the API that acts for them."""

    platform: Platform
    project_id: str
    owner: Actor
    http: httpx.AsyncClient

    @property
    def database(self) -> Database:
        return self.platform.database

    async def hook(self, url: str, *events: str) -> dict[str, Any]:
        """Make a webhook and return it with its secret."""
        body = {"name": "chat", "url": url, "events": list(events) or ["operation.succeeded"]}
        answer = await self.http.post(f"/api/v1/projects/{self.project_id}/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def test(self, hook: dict[str, Any]) -> str:
        """Ask for a test; return the delivery's id."""
        answer = await self.http.post(f"/api/v1/webhooks/{hook['id']}/test")
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def deliveries(self, hook: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/api/v1/webhooks/{hook['id']}/deliveries")
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    async def delivery(self, hook: dict[str, Any], delivery_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/webhooks/{hook['id']}/deliveries/{delivery_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def shown(self, hook: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.http.get(f"/api/v1/webhooks/{hook['id']}")).json())


@pytest.fixture
async def room(platform: Platform) -> AsyncIterator[Room]:
    project_id = await platform.project("main")
    owner = await platform.person("Ada", **{project_id: Role.OWNER})
    async with platform.api(await platform.token(owner)) as http:
        yield Room(platform, project_id, owner, http)


def told(body: bytes) -> dict[str, Any]:
    return dict(json.loads(body))
