import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stead.catalog.proving.reach import answers, figures
from stead.catalog.schemas import Service

Reply = Callable[[bytes], bytes]


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = b"" if reply is greet else await reader.read(4096)
        writer.write(reply(asked))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def greet(_asked: bytes) -> bytes:
    return b"SSH-2.0-x\r\n"


def http(**changes: object) -> Service:
    return Service.model_validate({"name": "web", "protocol": "http", "port": 80, **changes})


@pytest.mark.parametrize(
    ("status", "health", "good"),
    [(b"200", None, True), (b"401", None, True), (b"502", None, False), (b"401", "/ok", False)],
)
async def test_an_http_service_answers_as_its_manifest_says(
    status: bytes,
    health: str | None,
    good: bool,  # noqa: FBT001 - a parameter of pytest
):
    async with serving(lambda _asked: b"HTTP/1.1 " + status + b" X\r\n\r\n") as port:
        problem = await answers("127.0.0.1", port, http(health_path=health))
    assert (problem is None) is good


async def test_nonsense_is_no_answer():
    async with serving(lambda _asked: b"\xff\x00 nonsense") as port:
        assert "nothing" in (await answers("127.0.0.1", port, http()) or "")


@pytest.mark.parametrize(("expect", "good"), [("^SSH-2", True), ("^220 ", False)])
async def test_a_service_that_speaks_first_is_listened_to(expect: str, good: bool):  # noqa: FBT001 - a parameter of pytest
    probe = {"name": "ssh", "protocol": "tcp", "port": 22, "probe": {"expect": expect}}
    async with serving(greet) as port:
        problem = await answers("127.0.0.1", port, Service.model_validate(probe))
    assert (problem is None) is good


async def test_a_closed_port_is_told():
    async with serving(greet) as port:
        pass
    told = await answers("127.0.0.1", port, http(protocol="tcp"))
    assert told == "nobody listens"


@pytest.mark.parametrize(("body", "good"), [(b"# HELP x\nx 1.5\n", True), (b"<html>", False)])
async def test_figures_are_figures(body: bytes, good: bool):  # noqa: FBT001 - a parameter of pytest
    async with serving(lambda _asked: b"HTTP/1.1 200 OK\r\n\r\n" + body) as port:
        assert await figures("127.0.0.1", port, "/metrics") is good
