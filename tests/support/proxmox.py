"""A Proxmox driver on the stand-in for a cluster, as the conformance suite wants it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from tests.proxmox import presets
from tests.proxmox.double import Double, Preset, running
from tests.proxmox.settings import Settings
from tests.proxmox.wire import Request, Response

from stead.engines import errors
from stead.engines.capabilities import Ability, Capabilities, yes
from stead.engines.conformance.trial import Target
from stead.engines.drivers.proxmox.connecting import driver, open_client, site
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.login import Token
from stead.engines.values import GuestFile, GuestKind, NetworkSpec
from stead.kit.secrets import Secret

NETWORK = NetworkSpec("net", IPv4Network("10.0.0.0/22"), IPv4Address("10.0.0.1"), 8444)
OTHER = NetworkSpec("st-other0", IPv4Network("10.0.4.0/22"), IPv4Address("10.0.4.1"), 8444)
TEMPLATE = "debian-template"
BEHIND = 10
# A template as careless as they come: what it has set, no clone may keep.
CARELESS = {
    "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.78.0.9/24,gw=10.78.0.1",
    "net1": "name=eth1,bridge=vmbr2,hwaddr=BC:24:11:00:00:02,ip=10.99.2.9/24",
    "tags": "golden",
    "description": "do not clone by hand",
    "onboot": 1,
    "protection": 1,
    "startup": "order=1",
    "cores": 7,
}


class Handy(ProxmoxDriver):
    """The driver with hands inside the guests, which only a stand-in can give it."""

    def __init__(self, engine: Engine, double: Double) -> None:
        super().__init__(engine)
        self.double = double

    async def push_file(self, name: str, file: GuestFile) -> None:
        (await self._files(name))[file.path] = file.content

    async def pull_file(self, name: str, path: str, *, limit_bytes: int) -> GuestFile:
        files = await self._files(name)
        if path not in files:
            raise errors.NotFoundError(f"{name} has no file {path}")
        return GuestFile(path, files[path][:limit_bytes])

    async def capabilities(self, pool: str = "") -> Capabilities:
        told = await super().capabilities(pool)
        return replace(told, entries=(yes(Ability.FILES), *told.entries))

    async def _files(self, name: str) -> dict[str, bytes]:
        return self.double.guest((await self.engine.directory.get(name)).vmid).files


class Broadcast:
    """Lets the list of a cluster be as far behind as a real one, which is told every 10 s."""

    def __init__(self, double: Double) -> None:
        self._double, self._answer = double, double.answer
        self._at, self._told = double.clock.now(), dict[int, str]()
        double.answer = self._late  # type: ignore[method-assign]

    async def _late(self, request: Request) -> Response:
        response = await self._answer(request)
        if "/cluster/resources" not in request.target or response.status != 200:
            return response
        content = json.loads(response.body)
        guests = [row for row in content["data"] if "vmid" in row]
        # The driver waits by its own clock, so this is behind by that.
        if self._double.clock.now() - self._at >= BEHIND * self._double.clock.speed:
            self._at = self._double.clock.now()
            self._told = {row["vmid"]: row["status"] for row in guests}
        for row in guests:
            row["status"] = self._told.get(row["vmid"], "stopped")
        response.body = json.dumps(content).encode()
        return response


@asynccontextmanager
async def cluster(
    *, speed: float = 40, preset: Preset = presets.single, late: bool = False, **settings: float
) -> AsyncIterator[Double]:
    """Run a stand-in with one careless template."""
    async with running(
        speed=speed, preset=preset, settings=Settings(idle=5 * speed, **settings)
    ) as double:
        presets.container(double.world, 9000, hostname=TEMPLATE, template=1, **CARELESS)
        if late:
            Broadcast(double)
        yield double


def open_driver(
    double: Double, kind: type[ProxmoxDriver] = ProxmoxDriver, token: str = "", **options: str
) -> ProxmoxDriver:
    """Return a driver for a stand-in, by its fingerprint and a token."""
    name, _, secret = (token or double.token).partition("=")
    client = open_client(
        {"url": double.url, "fingerprint": double.fingerprint}, Token(name, Secret(secret))
    )
    made = driver(client, site({"storage": "local-btrfs", **options}))
    return Handy(made.engine, double) if kind is Handy else made


def target(
    double: Double,
    image: str,
    kind: type[ProxmoxDriver] = ProxmoxDriver,
    guests: GuestKind = GuestKind.CONTAINER,
) -> Target:
    """Return what the conformance suite tries, and with what guests."""

    def lose_answer() -> None:
        double.faults.add("drop", calls="^(POST|DELETE) .*/nodes/")

    def another() -> ProxmoxDriver:
        return open_driver(double, kind)

    return Target(another(), another, image, NETWORK, OTHER, lose_answer, seconds=30, kind=guests)
