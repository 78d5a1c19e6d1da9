"""Real Traefik, real nginx, real backends; only the control plane is a double, named so."""

import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stead.core.settings import EdgeSettings
from stead.edge.probe import probe_http
from stead.kit import clock

_UNIQUE = os.getpid()
ADDRESS = f"127.77.{_UNIQUE // 200 % 200}.{_UNIQUE % 200 + 1}"
BACKENDS = f"127.79.{_UNIQUE // 200 % 200}.{_UNIQUE % 200 + 1}"
TOKEN = "ste_right"
DOMAIN = "apps.stead.localhost"
RUN = (
    "import asyncio, sys; from stead.core import log, settings; from stead.edge import loop;"
    " log.configure(json=True);"
    "asyncio.run(loop.run(settings.EdgeSettings.model_validate_json(sys.argv[1])))"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.0/8"]))


async def eventually(
    condition: Callable[[], Awaitable[Any] | Any], what: Callable[[], str]
) -> None:
    """Wait until a condition holds; it is watched, because what it tells of is a process."""
    deadline = clock.monotonic() + 10
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        assert clock.monotonic() < deadline, what()
        await asyncio.sleep(0.01)


@dataclass
class Authority:
    """A CA made for one test run."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def file(self) -> Path:
        path = self.folder / "ca.crt"
        if not path.exists():
            path.write_text(self._certificate("test CA", (), self.key, ca=True))
        return path

    def issue(self, id_: str, *names: str) -> dict[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {"id": id_, "chain": self._certificate(id_, names, key), "key": secret.decode()}

    def _certificate(
        self,
        name: str,
        names: tuple[str, ...],
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
    ) -> str:
        now = clock.utc_now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
            builder = builder.add_extension(alternative, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    raw: str
    body: bytes


Handler = Callable[[Request], Awaitable[tuple[int, dict[str, str], bytes]]]


async def serve_http(address: str, port: int, handler: Handler) -> asyncio.Server:
    """Serve HTTP/1.1 with keep-alive: just enough for backends and the double."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = first.split(" ")
                status, extra, answer = await handler(Request(method, path, headers, head, body))
                extra["Content-Length"] = str(len(answer))
                fields = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{fields}\r\n".encode() + answer)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(client, address, port)


class ControlPlaneDouble:
    """NOT the control plane: a stand-in that speaks only the edge's two requests."""

    def __init__(self, url_port: int) -> None:
        self.port = url_port
        self.snapshot: dict[str, Any] = {"epoch": 1, "version": 0}
        self.reports: list[dict[str, Any]] = []
        self.visitors: list[Request] = []
        self.asked = 0
        self.refused = 0
        self.patience = 25.0
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await serve_http(ADDRESS, self.port, self._handle)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        async with self._changed:
            self._changed.notify_all()

    async def publish(self, snapshot: dict[str, Any] | bytes) -> None:
        async with self._changed:
            self.snapshot = snapshot  # type: ignore[assignment]
            self._changed.notify_all()

    def report(self, version: int) -> dict[str, Any] | None:
        return next((r for r in reversed(self.reports) if r["version"] == version), None)

    async def _handle(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if self._server is None:
            raise ConnectionResetError
        if request.path == "/edge/v1/stopped":
            self.visitors.append(request)
            return 200, {"Content-Type": "text/html"}, b"<h1>This app is stopped</h1>"
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            self.refused += 1
            return 401, {}, b""
        if request.method == "POST" and request.path == "/edge/v1/reports":
            self.reports.append(json.loads(request.body))
            return 204, {}, b""
        self.asked += 1
        assert request.path == "/edge/v1/snapshot?wait=25"
        tag = request.headers.get("if-none-match")
        try:
            async with asyncio.timeout(self.patience), self._changed:
                await self._changed.wait_for(lambda: self._server is None or self._etag() != tag)
        except TimeoutError:
            return 304, {"ETag": self._etag()}, b""
        if self._server is None:
            raise ConnectionResetError
        body = self.snapshot if isinstance(self.snapshot, bytes) else json.dumps(self.snapshot)
        return 200, {"ETag": self._etag()}, body if isinstance(body, bytes) else body.encode()

    def _etag(self) -> str:
        if isinstance(self.snapshot, bytes):
            return '"nonsense"'
        return f'"{self.snapshot["epoch"]}.{self.snapshot["version"]}"'


@dataclass
class EdgeProcess:
    """A ``stead edge`` of its own, so that it can be killed."""

    settings: EdgeSettings
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as sink:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                RUN,
                self.settings.model_dump_json(),
                stdout=sink,
                stderr=sink,
            )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.terminate()
        return await self.process.wait()

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [record for record in records if record["event"] == event]

    def pid(self, name: str) -> int:
        """Return the proxy that was started or adopted last."""
        events = self.logged("edge.proxy.started") + self.logged("edge.proxy.adopted")
        latest = max((e for e in events if e["program"] == name), key=lambda e: e["timestamp"])
        return int(latest["pid"])


class World:
    """Everything one test needs, and short words for what it does."""

    def __init__(self, folder: Path) -> None:
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        self.settings = EdgeSettings(
            control_url=f"http://{ADDRESS}:18089",
            token_file=token,
            state_dir=folder / "state",
            address=ADDRESS,
            http_port=18080,
            https_port=18443,
            tcp_first=20000,
            tcp_last=20099,
        )
        self.authority = Authority(folder)
        self.certificate = self.authority.issue("wild", f"*.{DOMAIN}")
        self.control = ControlPlaneDouble(18089)
        self.edge = EdgeProcess(self.settings, folder / "edge.log")
        self.servers: list[asyncio.Server] = []
        self.version = 0

    async def backend(self, name: str, port: int) -> str:
        """Start an app that answers with its name and the request it saw."""

        async def answer(request: Request) -> tuple[int, dict[str, str], bytes]:
            return 200, {}, f"{name}\n{request.raw}".encode()

        self.servers.append(await serve_http(BACKENDS, port, answer))
        return f"http://{BACKENDS}:{port}"

    def servers_at(self, port: int) -> str:
        return f"{BACKENDS}:{port}"

    async def tcp_backend(self, name: str, port: int) -> str:
        """Start a server that says its name and then repeats what it hears."""

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                writer.write(f"{name}\n".encode())
                while chunk := await reader.read(1024):
                    writer.write(chunk)
            writer.close()

        self.servers.append(await asyncio.start_server(client, BACKENDS, port))
        return f"{BACKENDS}:{port}"

    def http(self, name: str, *backends: str, **changes: Any) -> dict[str, Any]:
        route = {"id": name, "host": f"{name}.{DOMAIN}", "certificate": "wild"}
        return route | {"backends": list(backends)} | changes

    async def publish(
        self, http: list[dict[str, Any]], tcp: list[dict[str, Any]] | None = None
    ) -> int:
        self.version += 1
        await self.control.publish(
            {
                "epoch": 1,
                "version": self.version,
                "http": http,
                "tcp": tcp or [],
                "certificates": [self.certificate],
            }
        )
        return self.version

    async def until(self, condition: Callable[[], Awaitable[Any] | Any]) -> None:
        await eventually(condition, self.story)

    async def reported(self, version: int) -> dict[str, Any]:
        await self.until(lambda: self.control.report(version))
        report = self.control.report(version)
        assert report is not None
        return report

    async def get(self, name: str, path: str = "/", *headers: str) -> tuple[int, str, str]:
        """Ask over a fresh TLS connection; return status, head and body."""
        context = ssl.create_default_context(cafile=self.authority.file)
        host = f"{name}.{DOMAIN}"
        reader, writer = await asyncio.open_connection(
            ADDRESS, self.settings.https_port, ssl=context, server_hostname=host
        )
        try:
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = (await reader.read()).decode()
        finally:
            writer.transport.abort()
        return int(head.split(" ")[1]), head, body

    async def serves(self, name: str) -> bool:
        host, port = f"{name}.{DOMAIN}", self.settings.https_port
        return (await probe_http(ADDRESS, port, host, self.authority.file)).ok

    async def tcp(self, port: int) -> str:
        """Return the first line a TCP route says, or why there is none."""
        try:
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            line = (await reader.readline()).decode().strip()
            writer.close()
        except OSError as error:
            return type(error).__name__
        return line

    def story(self) -> str:
        log = self.edge.log
        return log.read_text()[-3000:] if log.exists() else "the edge said nothing"

    def orphans(self) -> list[int]:
        """Return the proxies that run in this test's folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if str(self.settings.state_dir) in line and not re.search("loop.run", line):
                        found.append(int(entry.name))
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.control.start()
    yield made
    if made.edge.process is not None:
        await made.edge.stop()
    await made.control.stop()
    for server in made.servers:
        server.close()
    left = made.orphans()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == [], "the edge left proxies behind"


@pytest.fixture
async def running(world: World) -> World:
    await world.edge.start()
    return world
