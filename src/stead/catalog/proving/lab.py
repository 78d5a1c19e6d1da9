"""The Incus that proofs run on: one of our own for the time of a proof, or a given one."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stead.kit import clock, process
from stead.kit.process import Finished, ProcessError

INCUSD: Final = Path("/usr/libexec/incus/incusd")
_MOUNTS: Final = Path("/proc/self/mounts")
POOL: Final = "stead-proof"
PREFIXES: Final = ("10.107.90", "10.107.91", "10.191.90", "172.30.90")


class LabError(Exception):
    """Proofs cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Where guests are started: an incus client's settings, a pool, a network and an image."""

    folder: Path
    pool: str
    network: str
    image: str

    async def run(self, *words: str, limit_seconds: float = 120) -> Finished:
        """Run the incus client."""
        command = ["env", f"INCUS_DIR={self.folder}", "incus", *words]
        return await process.run(command, limit_seconds=limit_seconds)

    async def check(self, *words: str, limit_seconds: float = 120) -> str:
        """Run the incus client; raises ProcessError unless it succeeds."""
        done = await self.run(*words, limit_seconds=limit_seconds)
        if done.code:
            raise ProcessError(["incus", *words[:2]], done.output.strip()[-500:], done.output)
        return done.output


@contextlib.asynccontextmanager
async def given_lab(folder: Path, image: Path) -> AsyncIterator[Lab]:
    """Use an Incus that runs already; image and network are taken away afterwards."""
    pools = (await Lab(folder, "", "", "").check("storage", "list", "-fcsv", "-cn")).split()
    if not pools:
        raise LabError(f"The Incus in {folder} has no storage pool; create one")
    lab = Lab(folder, pools[0], _bridge(folder), await asyncio.to_thread(_fingerprint, image))
    known = await lab.run("image", "show", lab.image)
    await _furnish(lab, image)
    try:
        yield lab
    finally:
        await lab.run("network", "delete", lab.network)
        if known.code:
            await lab.run("image", "delete", lab.image)


@contextlib.asynccontextmanager
async def own_lab(folder: Path, image: Path) -> AsyncIterator[Lab]:
    """Start an Incus in a folder of its own and remove every trace of it afterwards."""
    if not INCUSD.exists():
        raise LabError("Proofs need Incus; install the package incus-base, or name one: --incus")
    await asyncio.to_thread(_occupy, folder)
    lab = Lab(folder, POOL, _bridge(folder), await asyncio.to_thread(_fingerprint, image))
    daemon = await process.start(
        [str(INCUSD), "--group", "root"],
        log=folder / "incusd.log",
        environment={"INCUS_DIR": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    try:
        await lab.check("admin", "waitready", "--timeout=60")
        await _create_pool(lab)
        await _furnish(lab, image)
        yield lab
    finally:
        await asyncio.shield(_tear_down(lab, folder, daemon))


def _bridge(folder: Path) -> str:
    """Return a name for the bridge: several Incus on one machine share its interfaces."""
    return f"stproof{hashlib.sha256(bytes(folder)).hexdigest()[:6]}"


def _fingerprint(image: Path) -> str:
    """Return the name that Incus gives to an image: the digest of both its parts."""
    digest = hashlib.sha256()
    for part in ("metadata.tar", "rootfs.tar.zst"):
        with (image / part).open("rb") as file:
            while chunk := file.read(1024 * 1024):
                digest.update(chunk)
    return digest.hexdigest()


async def _create_pool(lab: Lab) -> None:
    done = await lab.run("storage", "create", lab.pool, "btrfs", "size=24GiB")
    if done.code:
        await lab.check("storage", "create", lab.pool, "dir")


async def _furnish(lab: Lab, image: Path) -> None:
    if (await lab.run("image", "show", lab.image)).code:
        parts = (str(image / "metadata.tar"), str(image / "rootfs.tar.zst"))
        await lab.check("image", "import", *parts, limit_seconds=300)
    said = ""
    for prefix in PREFIXES:
        options = (f"ipv4.address={prefix}.1/24", "ipv4.nat=true", "ipv6.address=none")
        done = await lab.run("network", "create", lab.network, *options)
        if done.code == 0 or "already exists" in done.output:
            return
        said = done.output.strip()
    raise LabError(f"No network can be made for the proofs: {said}")


async def _tear_down(lab: Lab, folder: Path, daemon: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessError):
        listed = await lab.run("list", "-cn", "-fcsv")
        for name in listed.output.split() if listed.code == 0 else []:
            await lab.run("delete", "-f", name)
        await lab.run("network", "delete", lab.network)
        await lab.run("image", "delete", lab.image)
        await lab.run("storage", "delete", lab.pool)
    await _end(daemon)
    await _remove(folder)


def _occupy(folder: Path) -> None:
    """Make the folder ours; one that a killed proof left is taken over when nobody uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / "owner"
    pid = owner.read_text() if owner.exists() else ""
    if pid and Path(f"/proc/{pid}").exists():
        raise LabError(f"Another proof runs here already (process {pid}); wait for its end")
    owner.write_text(str(os.getpid()))


async def _remove(folder: Path) -> None:
    mounts = [line.split()[1] for line in _MOUNTS.read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        await process.run(["umount", "-l", mount])
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _end(daemon: asyncio.subprocess.Process) -> None:
    if daemon.returncode is not None:
        return
    daemon.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(30):
            await daemon.wait()
    except TimeoutError:
        process.kill_group(daemon.pid)
        await daemon.wait()


async def until_true(what: str, look: Callable[[], Awaitable[bool]], limit_seconds: float) -> None:
    """Ask until it is so; raises LabError naming what never happened."""
    deadline = clock.monotonic() + limit_seconds
    while not await look():
        if clock.monotonic() > deadline:
            raise LabError(f"{what}: not within {limit_seconds:g} s")
        await asyncio.sleep(0.1)
