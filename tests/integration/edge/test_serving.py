"""A route goes live, changes and ends, and nobody's request is lost on the way."""

import asyncio
from typing import Any

from stead.edge.probe import probe_http, probe_tcp

DOMAIN = "apps.stead.localhost"


async def test_http_and_tcp_routes_go_live_and_are_reported(running: Any):
    shop = await running.backend("shop", 18001)
    cache = await running.tcp_backend("cache", 18002)
    tcp = {"id": "cache", "port": 20001, "backends": [cache]}
    version = await running.publish([running.http("shop", shop)], [tcp])
    report = await running.reported(version)
    assert report == {
        "epoch": 1,
        "version": version,
        "routes": {"shop": {"ok": True, "error": ""}, "cache": {"ok": True, "error": ""}},
        "error": "",
    }
    assert (await running.get("shop"))[2].startswith("shop\n")
    assert await running.tcp(20001) == "cache"


async def test_a_removed_route_answers_404_and_its_port_closes(running: Any):
    shop = await running.backend("shop", 18001)
    cache = await running.tcp_backend("cache", 18002)
    tcp = {"id": "cache", "port": 20001, "backends": [cache]}
    await running.reported(
        await running.publish([running.http("shop", shop), running.http("blog", shop)], [tcp])
    )
    assert (await running.get("blog"))[0] == 200
    assert await running.tcp(20001) == "cache"
    await running.reported(await running.publish([running.http("shop", shop)]))
    status, head, body = await running.get("blog")
    assert (status, body) == (404, "Not Found")
    assert "x-stead-edge: unknown-host" in head.lower()
    assert await running.tcp(20001) == "ConnectionRefusedError"
    assert (await running.get("shop"))[0] == 200


async def test_an_app_that_is_stopped_says_so_and_hands_nothing_on(running: Any):
    shop = await running.backend("shop", 18001)
    stopped = running.http("blog", shop) | {"stopped": True}
    await running.reported(await running.publish([running.http("shop", shop), stopped]))
    private = ("Cookie: app=secret", "Authorization: Bearer secret")
    status, head, body = await running.get("blog", "/deep/path?q=1", *private)
    assert (status, body) == (503, "<h1>This app is stopped</h1>")
    assert "x-stead-edge: stopped" in head.lower()
    (asked,) = running.control.visitors
    assert "secret" not in asked.raw
    assert (await running.get("shop"))[0] == 200
    await running.control.stop()
    assert (await running.get("blog"))[0] == 503, "without a control plane it is a refusal still"


async def test_plain_http_is_sent_to_https(running: Any):
    shop = await running.backend("shop", 18001)
    await running.reported(await running.publish([running.http("shop", shop)]))
    address, port = running.settings.address, running.settings.http_port
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(f"GET /a?b=1 HTTP/1.1\r\nHost: shop.{DOMAIN}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    assert head.startswith("HTTP/1.1 301")
    assert f"Location: https://shop.{DOMAIN}:18443/a?b=1\r\n" in head


async def test_the_app_sees_the_real_client_and_the_path_as_sent(running: Any):
    shop = await running.backend("shop", 18001)
    await running.reported(await running.publish([running.http("shop", shop)]))
    spoofed = ("X-Forwarded-For: 1.2.3.4", "X_Forwarded_For: 1.2.3.4", "X-Real-Ip: 1.2.3.4")
    _, _, body = await running.get("shop", "/a%2Fb//c/../d", *spoofed)
    assert "GET /a%2Fb//c/../d HTTP/1.1" in body
    assert "1.2.3.4" not in body
    assert f"Host: shop.{DOMAIN}\r\n" in body
    assert "X-Forwarded-Proto: https\r\n" in body


async def test_the_admin_api_refuses_without_its_secret(running: Any):
    await running.reported(await running.publish([]))
    admin = (running.settings.state_dir / "admin.json").read_text()
    port = int(admin.split('"port":')[1].split(",")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/rawdata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404")


class Load:
    """Asks for one host over and over, each time on a connection of its own."""

    def __init__(self, world: Any, names: set[str]) -> None:
        self._world = world
        self._names = names
        self._clients = [asyncio.create_task(self._client()) for _ in range(4)]
        self._ending = False
        self._answered = asyncio.Event()
        self.failures: list[str] = []
        self.served = 0

    async def more(self, count: int) -> None:
        for _ in range(count):
            self._answered.clear()
            await self._answered.wait()

    async def end(self) -> None:
        self._ending = True
        await asyncio.gather(*self._clients)

    async def _client(self) -> None:
        while not self._ending:
            self._answered.set()
            try:
                status, _, body = await self._world.get("shop")
            except (OSError, EOFError) as error:
                self.failures.append(repr(error))
                continue
            self.served += 1
            if status != 200 or body[:2] not in self._names:
                self.failures.append(f"{status} {body[:80]}")


async def test_twenty_changes_under_load_lose_no_request_and_are_all_served(running: Any):
    backends = [await running.backend(f"v{n}", 18001 + n) for n in range(2)]
    await running.reported(await running.publish([running.http("shop", backends[0])]))
    load = Load(running, {"v0", "v1"})
    for n in range(1, 21):
        await load.more(15)
        extra = [running.http(f"extra{m}", backends[0]) for m in range(n)]
        await running.publish([running.http("shop", backends[n % 2]), *extra])
        async with asyncio.timeout(60):
            while not (await running.get(f"extra{n - 1}"))[2].startswith("v0"):
                await load.more(1)
    await load.end()
    assert load.failures == []
    assert load.served >= 300


async def test_a_tcp_session_survives_changes_of_other_routes(running: Any):
    cache = await running.tcp_backend("cache", 18002)
    routes = [{"id": "cache", "port": 20001, "backends": [cache]}]
    await running.reported(await running.publish([], routes))
    reader, writer = await asyncio.open_connection(running.settings.address, 20001)
    assert await reader.readline() == b"cache\n"
    for port in (20002, 20003, 20004):
        routes.append({"id": f"r{port}", "port": port, "backends": [cache]})
        await running.reported(await running.publish([], routes))
        assert await running.tcp(port) == "cache"
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
    writer.close()


async def test_a_renewed_certificate_is_served(running: Any):
    shop = await running.backend("shop", 18001)
    await running.reported(await running.publish([running.http("shop", shop)]))
    running.certificate = running.authority.issue("wild", f"*.{DOMAIN}", "renewed.test")
    await running.reported(await running.publish([running.http("shop", shop)]))
    renewed = await probe_http(
        running.settings.address, 18443, f"shop.{DOMAIN}", running.authority.file
    )
    assert renewed.ok
    folder = running.settings.state_dir / "traefik" / "certificates"
    held = [path.read_text() for path in folder.glob("*.crt")]
    assert held == [running.certificate["chain"]]
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


async def test_probes_tell_ready_from_not_ready(running: Any):
    shop = await running.backend("shop", 18001)
    cache = await running.tcp_backend("cache", 18002)
    dead = shop.removeprefix("http://").replace("18001", "18009")
    tcp = [
        {"id": "cache", "port": 20001, "backends": [cache]},
        {"id": "nobody", "port": 20002, "backends": [dead]},
    ]
    routes = [running.http("shop", shop), running.http("dead", f"http://{dead}")]
    await running.reported(await running.publish(routes, tcp))
    address, ca = running.settings.address, running.authority.file
    assert (await probe_http(address, 18443, f"shop.{DOMAIN}", ca)).ok
    unknown = await probe_http(address, 18443, f"nobody.{DOMAIN}", ca)
    assert not unknown.ok
    assert unknown.status == 404
    assert (await probe_http(address, 18443, f"dead.{DOMAIN}", ca)).status == 502
    elsewhere = await probe_http(address, 18443, "shop.example.com", ca)
    assert elsewhere.error.startswith("certificate:")
    assert (await probe_tcp(address, 20001, b"ping", "cache\nping")).ok
    assert (await probe_tcp(address, 20001, b"", None)).ok
    assert (await probe_tcp(address, 20002, b"", None)).error == "nobody is behind it"
    assert not (await probe_tcp(address, 20003, b"", None)).ok
