"""Starts the stand-in for Proxmox VE 8.4 and lets tests look into it.

``async with running() as double`` serves on a loopback port with a certificate of its own:
``double.url`` and ``double.fingerprint`` are for the client, ``double.token`` is a token of
root without separate privileges, ``double.control_plane`` one of the least role. Time runs
``speed`` times as fast as the test's own; ``double.advance`` pushes it. ``double.faults``
lets things go wrong, ``double.world`` is all there is: guests, volumes, users, tasks.
"""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.proxmox import app, console, guests, presets
from tests.proxmox.access import Grant, User
from tests.proxmox.clock import Clock
from tests.proxmox.faults import Faults
from tests.proxmox.formats import split_list
from tests.proxmox.http1 import Server
from tests.proxmox.locks import guest_lock
from tests.proxmox.settings import Settings
from tests.proxmox.tasks import Task
from tests.proxmox.wire import Request, Response
from tests.proxmox.world import Guest, World

from stead.kit import clock as kit_clock

DEFAULT_SPEED = 20
Preset = Callable[[Clock, Settings], World]


class Double:
    """One running stand-in."""

    def __init__(self, world: World, server: Server, port: int, certificate: bytes) -> None:
        self.world = world
        self.server = server
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self.certificate = certificate
        parsed = x509.load_pem_x509_certificate(certificate)
        digest = parsed.fingerprint(hashes.SHA256()).hex().upper()
        self.fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
        self.token = presets.token(world)
        self.control_plane = presets.control_plane(world)
        self.calls: list[tuple[str, str, int]] = []
        for node in world.nodes.values():
            node.fingerprint = self.fingerprint

    @property
    def faults(self) -> Faults:
        return self.world.faults

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def settings(self) -> Settings:
        return self.world.settings

    async def advance(self, seconds: float) -> None:
        """Push the clock."""
        await self.clock.advance(seconds)

    def guest(self, vmid: int) -> Guest:
        """Return a guest by its id; KeyError when there is none."""
        found = self.world.find_guest(vmid)
        if found is None:
            raise KeyError(vmid)
        return found

    def tasks(self, kind: str = "") -> list[Task]:
        """Return the tasks of a kind, oldest first."""
        return [task for task in self.world.tasks.values() if kind in {"", task.type}]

    def person(self, name: str, password: str, grants: dict[str, str]) -> None:
        """Add a user with a password and privileges by path, a role for each path."""
        access = self.world.access
        access.users[name] = User(password=access.digest(password))
        for path, privileges in grants.items():
            role = f"Role{len(access.roles)}"
            access.roles[role] = set(split_list(privileges))
            access.acl[Grant(path, "user", name, role)] = 1

    def node_down(self, name: str, *, quorum: bool = True) -> None:
        """Let a node die; its guests stay listed and calls to it fail after a wait."""
        self.world.nodes[name].online = False
        self.world.quorate = quorum

    def node_up(self, name: str) -> None:
        """Let a node be back, and the quorum with it."""
        self.world.nodes[name].online, self.world.nodes[name].unreachable = True, 0
        self.world.quorate = True

    def daemon(self, state: str) -> None:
        """Let ``pvedaemon`` be down or ``frozen``, or ``pmxcfs`` down; empty is well."""
        self.world.down = state

    def stale_lock(self, vmid: int, lock: str) -> None:
        """Leave a lock in a config that no call can take out."""
        self.guest(vmid).config["lock"] = lock

    def hold(self, vmid: int) -> None:
        """Hold the lock on a config as another process on the node would."""
        self.world.locks.grab(guest_lock(vmid))

    def release(self, vmid: int) -> None:
        """Give the lock on a config back."""
        self.world.locks.release(guest_lock(vmid))

    def lag(self, seconds: float) -> None:
        """From now on collect what /cluster/resources says only so often."""
        self.world.in_background(asyncio.create_task(self._collect(seconds)))

    async def _collect(self, seconds: float) -> None:
        while True:
            found = self.world.guests.values()
            self.world.stale = {one.vmid: guests.snapshot_row(self.world, one) for one in found}
            await self.clock.sleep(seconds)

    def context(self) -> ssl.SSLContext:
        """Return what a client needs to trust this one and nothing else."""
        return ssl.create_default_context(cadata=self.certificate.decode())

    async def answer(self, request: Request) -> Response:
        response = await app.answer(self.world, request)
        self.calls.append((request.method, request.target, response.status))
        return response


@contextlib.asynccontextmanager
async def running(
    *,
    speed: float = DEFAULT_SPEED,
    preset: Preset = presets.single,
    settings: Settings | None = None,
    port: int = 0,
) -> AsyncIterator[Double]:
    """Run a stand-in until the block ends."""
    clock = Clock(speed)
    world = preset(clock, settings or Settings())
    certificate, key = self_signed()
    started: list[Double] = []

    async def answer(request: Request) -> Response:
        return await started[0].answer(request)

    server = Server(
        answer,
        lambda request, reader, writer: console.upgrade(world, request, reader, writer),
        lambda: world.settings.idle,
    )
    bound = await server.listen(context(certificate, key), port)
    started.append(Double(world, server, bound, certificate))
    try:
        yield started[0]
    finally:
        await server.aclose()
        for work in list(world.background):
            work.cancel()
        await asyncio.gather(*world.background, return_exceptions=True)
        await clock.aclose()


def context(certificate: bytes, key: bytes) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(certificate + key)
        found.load_cert_chain(path)
    return found


def self_signed() -> tuple[bytes, bytes]:
    """Return a certificate for the loopback address and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pve1.stand-in")])
    names = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
    now = kit_clock.utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
