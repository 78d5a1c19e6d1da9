"""A probe says what is wrong and never raises for what the network does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stead.edge import probe
from stead.edge.probe import probe_http, probe_tcp


@pytest.fixture
async def redis() -> AsyncIterator[int]:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.read(64)).startswith(b"PING"):
            writer.write(b"+PONG\xff\r\n")
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.mark.parametrize(
    ("head", "ok", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, ""),
        (b"HTTP/1.1 404 Not Found\r\nX: y\r\n\r\n", True, ""),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", True, ""),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", False, "the app answered 502"),
        (
            b"HTTP/1.1 404 X\r\nx-stead-edge: unknown-host\r\n\r\n",
            False,
            "the edge does not serve",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", False, "the answer is not HTTP"),
    ],
)
def test_an_answer_is_judged(head: bytes, ok: bool, error: str):  # noqa: FBT001  (a table of cases)
    result = probe._judge(head)
    assert result.ok is ok
    assert result.error.startswith(error)


async def test_an_expected_answer_is_found_among_binary(redis: int):
    assert (await probe_tcp("127.0.0.1", redis, b"PING\r\n", r"\+PONG\xff")).ok
    assert not (await probe_tcp("127.0.0.1", redis, b"QUIT\r\n", r"\+PONG")).ok


async def test_a_closed_port_a_bad_pattern_and_a_lost_ca_are_answers(redis: int, tmp_path: Path):
    assert "pattern" in (await probe_tcp("127.0.0.1", redis, b"", "(")).error
    assert not (await probe_tcp("127.0.0.1", 1, b"", None)).ok
    lost = await probe_http("127.0.0.1", redis, "a.test", tmp_path / "none.crt")
    assert not lost.ok
    (tmp_path / "bad.crt").write_text("not a certificate")
    assert not (await probe_http("127.0.0.1", redis, "a.test", tmp_path / "bad.crt")).ok


@pytest.mark.parametrize("path", ["relative", "/a b", "/a\r\nX: y", "/ä"])
async def test_a_path_cannot_smuggle_headers(path: str):
    with pytest.raises(ValueError, match="printable ASCII"):
        probe._request("a.test", 443, path)
