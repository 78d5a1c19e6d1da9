"""Each package lives a whole life in a real guest: install, use, change, fail, uninstall."""

import asyncio
import re

import pytest
from tests.integration.catalog.conftest import Guest, Start

from stead.catalog import public as catalog
from stead.kit import process
from stead.kit.secrets import Secret

# Each takes up to a minute; `script/test --all` runs them.
EXHAUSTIVE = pytest.mark.exhaustive
BOTH_INITS = pytest.mark.parametrize(
    "systemd",
    [
        pytest.param(True, id="systemd"),
        pytest.param(False, id="no-systemd", marks=pytest.mark.release),
    ],
)


async def ask(guest: Guest, port: int, request: bytes) -> str:
    """Send bytes and read what comes until the other side closes."""
    reader, writer = await asyncio.open_connection(guest.address, port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def page(guest: Guest) -> str:
    return await ask(guest, 80, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")


async def redis(guest: Guest, given: catalog.Inputs, command: str) -> str:
    password = given.secrets["password"].reveal().encode()
    hello = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(password), password)
    answer = await ask(guest, 6379, hello + f"{command}\r\nQUIT\r\n".encode())
    return answer.removeprefix("+OK\r\n").removesuffix("+OK\r\n")


async def sql(guest: Guest, given: catalog.Inputs, statement: str) -> process.Finished:
    """Connect by the URL that the deployment shows, from where the edge would."""
    outputs = catalog.render_outputs(
        guest.package.manifest, given.values, given.secrets, guest.address, 5432, ""
    )
    url = outputs[0].value
    assert isinstance(url, Secret)
    return await process.run(["psql", "-X", "-w", "-At", url.reveal(), "-c", statement])


async def stop(guest: Guest, service: str, *, systemd: bool) -> None:
    command = ["systemctl", "stop", service] if systemd else [f"/etc/init.d/{service}", "stop"]
    assert (await guest.execute(*command)).code == 0


async def probe(guest: Guest) -> bool:
    """Ask the service the way its manifest tells the edge to."""
    service = guest.package.manifest.services[0]
    assert service.probe is not None
    port = guest.package.manifest.service_port(service, {})
    reader, writer = await asyncio.open_connection(guest.address, port)
    writer.write(bytes.fromhex(service.probe.send))
    async with asyncio.timeout(5):
        answer = await reader.read(256)
    writer.close()
    await writer.wait_closed()
    return re.search(service.probe.expect, answer.decode("latin-1")) is not None


@BOTH_INITS
async def test_static_site(start: Start, systemd: bool):  # noqa: FBT001  (a parameter of pytest)
    guest = await start("static-site", systemd=systemd)
    rules = guest.package.manifest
    first = catalog.validate(rules, {"title": "Käse & <b>\\1 @TEXT@", "text": "$HOME `id`"})
    assert not await guest.check(first)
    took = await guest.install(first)
    assert await guest.check(first)
    served = await page(guest)
    assert "<h1>Käse &amp; &lt;b&gt;\\1 @TEXT@</h1>" in served
    assert "<p>$HOME `id`</p>" in served

    second = catalog.validate(rules, {"title": "Second", "accent": "violet"})
    again = await guest.install(second)
    assert "<h1>Second</h1>" in await page(guest)
    print(f"\nstatic-site systemd={systemd}: install {took:.1f} s, again {again:.1f} s")  # noqa: T201

    await stop(guest, "nginx", systemd=systemd)
    assert not await guest.check(second)
    await guest.install(second)
    assert await guest.check(second)
    assert (await guest.script("uninstall.sh", second)).code == 0
    assert not await guest.listens(80)
    assert (await guest.script("uninstall.sh", second)).code == 0


@EXHAUSTIVE
@BOTH_INITS
async def test_redis(start: Start, systemd: bool):  # noqa: FBT001  (a parameter of pytest)
    guest = await start("redis", systemd=systemd)
    rules = guest.package.manifest
    first = catalog.validate(rules, {"password": "\"quoted\\back sl'ash", "maxmemory_mb": "32"})
    took = await guest.install(first)
    assert await guest.check(first)
    assert await probe(guest)
    assert await redis(guest, first, "SET marker kept") == "+OK\r\n"

    second = catalog.validate(rules, {"maxmemory_mb": "16", "appendonly": "on"})
    again = await guest.install(second)
    assert await redis(guest, second, "GET marker") == "$4\r\nkept\r\n"
    assert "WRONGPASS" in await redis(guest, first, "GET marker")
    assert "\r\n16777216\r\n" in await redis(guest, second, "CONFIG GET maxmemory")
    print(f"\nredis systemd={systemd}: install {took:.1f} s, again {again:.1f} s")  # noqa: T201

    await stop(guest, "redis-server", systemd=systemd)
    assert not await guest.check(second)
    await guest.install(second)
    assert await redis(guest, second, "GET marker") == "$4\r\nkept\r\n"
    assert not await guest.check(first)
    assert (await guest.script("uninstall.sh", second)).code == 0
    assert not await guest.listens(6379)
    assert (await guest.script("uninstall.sh", second)).code == 0


@EXHAUSTIVE
@BOTH_INITS
async def test_postgresql(start: Start, systemd: bool):  # noqa: FBT001  (a parameter of pytest)
    guest = await start("postgresql", systemd=systemd)
    rules = guest.package.manifest
    first = catalog.validate(rules, {"password": 'it\'s "a" \\ $HOME %s'})
    took = await guest.install(first)
    assert await guest.check(first)
    assert await probe(guest)
    made = await sql(guest, first, "CREATE TABLE marker AS SELECT 'kept' AS word")
    assert made.code == 0, made.output

    second = catalog.validate(rules, {"max_connections": "50"})
    again = await guest.install(second)
    assert (await sql(guest, second, "SELECT word FROM marker")).output.strip() == "kept"
    assert (await sql(guest, second, "SHOW max_connections")).output.strip() == "50"
    assert "password authentication failed" in (await sql(guest, first, "SELECT 1")).output
    root = catalog.Inputs({**second.values, "username": "postgres"}, second.secrets)
    assert "pg_hba.conf rejects" in (await sql(guest, root, "SELECT 1")).output
    print(f"\npostgresql systemd={systemd}: install {took:.1f} s, again {again:.1f} s")  # noqa: T201

    await guest.execute("pg_ctlcluster", "15", "main", "stop")
    assert not await guest.check(second)
    await guest.install(second)
    assert (await sql(guest, second, "SELECT word FROM marker")).output.strip() == "kept"
    assert (await guest.script("uninstall.sh", second)).code == 0
    assert not await guest.listens(5432)
    assert (await guest.script("uninstall.sh", second)).code == 0


@EXHAUSTIVE
@pytest.mark.parametrize(
    ("package", "reached"),
    [
        ("static-site", "/var/lib/dpkg/info/nginx-common.list"),
        ("static-site", "/etc/nginx/sites-available/stead-site"),
        ("redis", "/var/lib/dpkg/info/redis-tools.list"),
        ("redis", "/etc/redis/stead.conf"),
        ("postgresql", "/var/lib/postgresql/15/main/PG_VERSION"),
    ],
)
async def test_an_install_that_was_killed_can_be_done_again(
    start: Start, package: str, reached: str
):
    guest = await start(package)
    given = catalog.validate(guest.package.manifest, {})
    killed = await guest.execute(
        "bash",
        "-c",
        f'setsid "$@" & until [ -e {reached} ]; do sleep 0.01; done; kill -KILL -- -$!; wait $!',
        "bash",
        *guest.command("install.sh", given),
        limit_seconds=120,
    )
    assert killed.code == 137, killed.output
    await guest.install(given)
    assert await guest.check(given)


SHIM = """#!/bin/sh
printf '%s ' "$0" "$@" >>/run/seen
exec "/usr/bin/${0##*/}" "$@"
"""


@EXHAUSTIVE
@pytest.mark.parametrize(("package", "tool"), [("postgresql", "psql"), ("redis", "redis-cli")])
async def test_passwords_are_in_no_command_line(start: Start, package: str, tool: str):
    guest = await start(package)
    given = catalog.validate(guest.package.manifest, {"password": "correct-horse-battery"})
    put = 'for tool; do printf %s "$0" >/usr/local/bin/$tool; chmod 755 /usr/local/bin/$tool; done'
    await guest.execute("sh", "-c", put, SHIM, tool, "timeout")
    await guest.install(given)
    assert await guest.check(given)
    seen = (await guest.execute("cat", "/run/seen")).output
    assert f"/{tool} " in seen
    assert "correct-horse" not in seen
