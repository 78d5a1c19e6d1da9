"""Real guests on a real Incus for the catalog's packages; skipped where there is no daemon."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.support.incus import Incus

from stead.catalog import public as catalog
from stead.catalog.proving import lab
from stead.kit import clock, ids, process
from stead_agent import inputs as agent_inputs

NETWORK: Final = "catbr0"
SUBNET: Final = "10.99.1"
FOLDER: Final = "/var/lib/stead-test"
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "PROVISIONING_JOB": "true",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            networks = [f"{prefix}.0/24" for prefix in (SUBNET, *lab.PREFIXES)]
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", *networks]))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


@dataclass(frozen=True)
class Guest:
    """A container with an unpacked package in it."""

    name: str
    address: str
    package: catalog.Package

    async def execute(self, *command: str, limit_seconds: float = 60) -> process.Finished:
        return await process.run(
            ["incus", "exec", self.name, "--", *command], limit_seconds=limit_seconds
        )

    async def script(self, script: str, given: catalog.Inputs) -> process.Finished:
        """Run a script with nothing around it but what the agent would give it."""
        return await self.execute(*self.command(script, given), limit_seconds=200)

    def command(self, script: str, given: catalog.Inputs) -> list[str]:
        answers = {**given.values, **{name: one.reveal() for name, one in given.secrets.items()}}
        declared = [
            {"name": one.name, "type": one.type, "default": one.default}
            for one in self.package.manifest.inputs
        ]
        variables = {**agent_inputs.environment(declared, answers), **ENVIRONMENT}
        pairs = [f"{name}={value}" for name, value in variables.items()]
        # Arguments of a test may be seen; the agent itself passes an environment.
        return ["env", "-i", f"--chdir={FOLDER}", *pairs, f"./{script}"]

    async def install(self, given: catalog.Inputs) -> float:
        began = clock.monotonic()
        done = await self.script("install.sh", given)
        assert done.code == 0, done.output
        assert "::progress 100 " in done.output
        return clock.monotonic() - began

    async def check(self, given: catalog.Inputs) -> bool:
        return (await self.script("check.sh", given)).code == 0

    async def listens(self, port: int) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.address, port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


async def by_client(*arguments: str) -> str:
    return await process.check(["incus", *arguments], limit_seconds=120)


@pytest.fixture(scope="session")
def image(incus: Incus, images: Path) -> str:
    """The image to start guests from, in a project without the restrictions of Stead's own."""
    parts = (str(images / "metadata.tar"), str(images / "rootfs.tar.zst"))
    incus.command("image", "import", *parts, "--alias", "catalog")
    return "catalog"


@pytest.fixture(autouse=True)
def _daemon(incus: Incus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCUS_DIR", str(incus.folder))


@pytest.fixture
async def network() -> str:
    """A bridge with a way out; it stays, since tests that run at once share it."""
    known = await process.run(["incus", "network", "show", NETWORK])
    if known.code:
        options = [f"ipv4.address={SUBNET}.1/24", "ipv4.nat=true", "ipv6.address=none"]
        await process.run(["incus", "network", "create", NETWORK, *options])
    return NETWORK


Start = Callable[..., Awaitable[Guest]]


@pytest.fixture
async def start(image: str, network: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Start guests that hold a package; all are gone afterwards."""
    started: list[str] = []

    async def _start(package_id: str, *, systemd: bool = True) -> Guest:
        package = catalog.load([catalog.BUILT_IN]).get(package_id)
        name = f"catalog-{package_id}-{ids.new_id()[-6:]}"
        started.append(name)
        options = [] if systemd else ["-c", "raw.lxc=lxc.init.cmd = /bin/bash"]
        await by_client("launch", image, name, "-s", "stead", "-n", network, *options)
        if not systemd:
            await by_client(
                "exec", name, "--", "sh", "-c", "ip link set lo up; udhcpc -i eth0 -n -q"
            )
        guest = Guest(name, await _address(name), package)
        archive = tmp_path / f"{name}.tar"
        archive.write_bytes(package.archive)
        await by_client("file", "push", "-q", str(archive), f"{name}/root/package.tar")
        unpack = f"mkdir {FOLDER} && tar xf /root/package.tar -C {FOLDER}"
        await by_client("exec", name, "--", "sh", "-c", unpack)
        return guest

    yield _start
    for name in started:
        await process.run(["incus", "delete", "-f", name], limit_seconds=60)


async def _address(name: str) -> str:
    deadline = clock.monotonic() + 30
    while clock.monotonic() < deadline:
        listed = await by_client("list", f"^{name}$", "-c4", "-fcsv")
        if listed.startswith(SUBNET):
            return listed.split()[0]
        await asyncio.sleep(0.1)
    pytest.fail(f"{name} has no address")
