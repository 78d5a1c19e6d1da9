"""The client calls what it judged, for no longer and no more than it may."""

import asyncio
import ssl
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.unit.core.outbound.conftest import HERE, Names, Opened, Place, redirect

from stead.core import pki
from stead.core.outbound import (
    Limits,
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
)

PUBLIC = "93.184.216.34"


async def test_a_request_arrives_as_it_was_given(place: Place, opened: Opened):
    answer = await opened().fetch(
        "POST",
        f"http://hooks.example:{place.port}/a?b=c",
        content=b'{"x": 1}',
        headers={"X-Signature": "abc"},
    )
    assert (answer.status, answer.body, answer.headers["x-mark"]) == (200, b"hello", "Yes")
    heard = place.heard[0]
    assert heard.startswith("POST /a?b=c HTTP/1.1\r\n")
    assert f"host: hooks.example:{place.port}\r\n" in heard
    assert "x-signature: abc\r\n" in heard
    assert heard.endswith('\r\n\r\n{"x": 1}')


async def test_near_addresses_are_refused_unless_allowed(place: Place, opened: Opened):
    for host in ("localhost", "hooks.example", HERE):
        with pytest.raises(OutboundRefusedError) as refused:
            await opened(allowed=()).fetch("GET", f"http://{host}:{place.port}/")
        assert HERE not in refused.value.message.replace(host, "")
    assert place.heard == []


async def test_an_own_public_address_is_refused(opened: Opened):
    client = opened(Names([PUBLIC]), allowed=())
    mine = replace(client, doorkeeper=replace(client.doorkeeper, is_own=lambda _: True))
    with pytest.raises(OutboundRefusedError):
        await mine.fetch("GET", "http://hooks.example/")


async def test_a_name_that_changes_after_the_check_gets_nowhere(place: Place, opened: Opened):
    names = Names([PUBLIC], [HERE])
    client = opened(names, allowed=())
    await client.check(f"http://rebind.example:{place.port}/")
    with pytest.raises(OutboundRefusedError):
        await client.fetch("GET", f"http://rebind.example:{place.port}/")
    assert place.heard == []


async def test_the_address_that_was_judged_is_the_one_that_is_called(place: Place, opened: Opened):
    names = Names([HERE], ["10.0.0.1"])
    answer = await opened(names).fetch("GET", f"http://rebind.example:{place.port}/")
    assert answer.status == 200
    assert names.asked == ["rebind.example"]


async def test_of_several_addresses_only_permitted_ones_are_called(place: Place, opened: Opened):
    names = Names(["10.0.0.1", "169.254.169.254", HERE])
    answer = await opened(names).fetch("GET", f"http://many.example:{place.port}/")
    assert answer.body == b"hello"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "http://",
        "http:///path",
        "http://user:pass@example.com/",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://example.com/\r\nX: y",
        "",
        "http://" + "x" * 70_000,
    ],
)
async def test_what_is_no_web_address_is_refused(url: str, opened: Opened):
    with pytest.raises(OutboundRefusedError):
        await opened().check(url)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
async def test_headers_that_frame_a_message_cannot_be_chosen(name: str, opened: Opened):
    with pytest.raises(OutboundRefusedError):
        await opened().fetch("GET", "http://hooks.example/", headers={name: "1"})


@pytest.mark.parametrize("header", [{"x-a": "1\r\nx-b: 2"}, {"x a": "1"}, {"x-a": "ü"}])
async def test_headers_cannot_smuggle_others(header: dict[str, str], place: Place, opened: Opened):
    with pytest.raises(OutboundRefusedError):
        await opened().fetch("GET", f"http://hooks.example:{place.port}/", headers=header)
    assert place.heard == []


async def test_redirects_are_answers_unless_followed(place: Place, opened: Opened):
    place.answers["/"] = redirect(302, "/next")
    url = f"http://hooks.example:{place.port}/"
    assert (await opened().fetch("GET", url)).status == 302
    followed = await opened(redirects=1).fetch("GET", url)
    assert (followed.status, followed.url) == (200, f"{url}next")


async def test_redirects_pass_the_same_check(place: Place, opened: Opened):
    names = Names([HERE], ["10.0.0.1"])
    place.answers["/"] = redirect(302, "http://inside.example/")
    with pytest.raises(OutboundRefusedError):
        await opened(names, redirects=3).fetch("GET", f"http://hooks.example:{place.port}/")
    place.answers["/"] = redirect(302, "file:///etc/passwd")
    with pytest.raises(OutboundRefusedError):
        await opened(redirects=3).fetch("GET", f"http://hooks.example:{place.port}/")


async def test_redirects_end(place: Place, opened: Opened):
    place.answers["/"] = redirect(302, "/")
    with pytest.raises(OutboundRefusedError, match="more than 3 times"):
        await opened(redirects=3).fetch("GET", f"http://hooks.example:{place.port}/")
    assert len(place.heard) == 4


async def test_secrets_do_not_follow_to_another_server(place: Place, opened: Opened):
    place.answers["/"] = redirect(302, f"http://other.example:{place.port}/next")
    await opened(redirects=1).fetch(
        "GET",
        f"http://hooks.example:{place.port}/",
        headers={"Authorization": "Bearer x", "X-Signature": "y", "Accept": "text/plain"},
    )
    assert "authorization: Bearer x" in place.heard[0]
    assert "authorization" not in place.heard[1]
    assert "x-signature" not in place.heard[1]
    assert "accept: text/plain" in place.heard[1]
    place.answers["/"] = redirect(307, f"http://other.example:{place.port}/next")
    with pytest.raises(OutboundRefusedError):
        await opened(redirects=1).fetch(
            "POST", f"http://hooks.example:{place.port}/", content=b"secret"
        )


async def test_a_megabyte_of_nonsense_is_cut_off(place: Place, opened: Opened):
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    place.answers["/"] = head + b"x" * 5_000_000
    with pytest.raises(OutboundTooLargeError):
        await opened().fetch("GET", f"http://hooks.example:{place.port}/")
    place.answers["/"] = b"\x00\xff" * 500_000
    with pytest.raises(OutboundUnreachableError):
        await opened().fetch("GET", f"http://hooks.example:{place.port}/")
    place.answers["/"] = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000
    with pytest.raises(OutboundUnreachableError):
        await opened().fetch("GET", f"http://hooks.example:{place.port}/")


async def test_a_stream_is_read_piece_by_piece(place: Place, opened: Opened):
    place.answers["/"] = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500_000
    client, limits = opened(), Limits(body_bytes=600_000)
    async with client.stream(
        "GET", f"http://hooks.example:{place.port}/", limits=limits
    ) as answer:
        sizes = [len(chunk) async for chunk in answer.chunks]
    assert sum(sizes) == 500_000
    assert len(sizes) > 1


async def test_a_server_that_takes_its_time_is_left(place: Place, opened: Opened):
    place.slow = True
    with pytest.raises(OutboundTimeoutError) as late:
        await opened(seconds=0.2).fetch("GET", f"http://hooks.example:{place.port}/")
    assert late.value.retryable


async def test_a_closed_port_is_unreachable(opened: Opened):
    server = await asyncio.start_server(lambda _r, _w: None, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(OutboundUnreachableError):
        await opened().fetch("GET", f"http://hooks.example:{port}/")


async def test_the_proxy_of_the_environment_is_not_used(
    place: Place, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await opened().fetch("GET", f"http://hooks.example:{place.port}/")).status == 200


async def test_a_certificate_is_verified_for_the_name(
    tmp_path: Path, place: Place, opened: Opened
):
    pki.ensure_root(tmp_path, "example", IPv4Network("10.0.0.0/8"))
    authority = pki.load(tmp_path)
    leaf = authority.issue(names=("hooks.example",))
    (tmp_path / "chain.pem").write_text(leaf.chain)
    (tmp_path / "key.pem").write_text(leaf.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    server = await asyncio.start_server(place.serve, HERE, 0, ssl=serving)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trusting = replace(opened(), tls=ssl.create_default_context(cadata=authority.pem))
        assert (await trusting.fetch("GET", f"https://hooks.example:{port}/")).status == 200
        for client, host in ((trusting, "other.example"), (opened(), "hooks.example")):
            with pytest.raises(OutboundUnreachableError, match="certificate"):
                await client.fetch("GET", f"https://{host}:{port}/")
