"""One container with an unpacked package in it, driven the way the agent drives it."""

import asyncio
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stead.catalog import declarations
from stead.catalog.inputs import Inputs
from stead.catalog.loader import Package
from stead.catalog.proving import inventory
from stead.catalog.proving.lab import Lab, LabError, until_true
from stead.kit import clock, ids
from stead.kit.process import Finished
from stead_agent import inputs as agent_inputs

STATE: Final = "/root/stead-proof"
KEPT: Final = f"{STATE}/kept"
TRANSFERS: Final = 4
BACKUP: Final = "/var/lib/stead-backup"
# What the agent sets for every script.
FIXED: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "PROVISIONING_JOB": "true",
}
_TAIL: Final = 3000
_INVENTORY: Final = Path(inventory.__file__).read_bytes()
# Environments hold secrets, so they travel as a file that only root reads, never as arguments.
_RUNNER: Final = """
import json, os, sys
job = json.load(open(sys.argv[1]))
os.chdir(job["folder"])
log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
os.dup2(log, 1)
os.dup2(log, 2)
os.execve(job["script"], [job["script"]], job["environment"])
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a script ended, the end of what it said, and how long it took."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Guest:
    """A running container that belongs to a proof."""

    lab: Lab
    name: str
    address: str

    async def execute(self, *command: str, limit_seconds: float = 60) -> Finished:
        """Run a command in the guest."""
        return await self.lab.run(
            "exec", self.name, "-T", "--", *command, limit_seconds=limit_seconds
        )

    async def push(self, content: bytes, path: str) -> None:
        """Write a file that only root reads."""
        with tempfile.NamedTemporaryFile() as draft:
            draft.write(content)
            draft.flush()
            await self._transfer(
                "push", "-q", "-p", "--mode=0600", draft.name, f"{self.name}{path}"
            )

    async def pull(self, path: str) -> bytes:
        """Read a file."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            await self._transfer("pull", "-q", f"{self.name}{path}", str(target))
            return target.read_bytes()

    async def _transfer(self, *words: str) -> None:
        """Move a file; the helper that Incus keeps in a guest may just have been replaced."""
        for _ in range(TRANSFERS - 1):
            if (await self.lab.run("file", *words)).code == 0:
                return
            await asyncio.sleep(0.5)
        await self.lab.check("file", *words)

    async def unpack(self, package: Package) -> str:
        """Unpack a package with the scripts of its proof; return the folder."""
        folder = f"{STATE}/{package.digest[:12]}"
        await self.push(package.archive, f"{folder}.tar")
        await self.push(_packed(package.proof.files if package.proof else {}), f"{folder}.2.tar")
        unpack = f"mkdir -p {folder} {KEPT} && tar xf {folder}.tar -C {folder}"
        done = await self.execute(
            "sh", "-c", f"{unpack} && tar xf {folder}.2.tar -C {folder} && rm {folder}*.tar"
        )
        if done.code:
            raise LabError(f"The package cannot be unpacked: {done.output.strip()}")
        return folder

    async def script(
        self,
        package: Package,
        script: str,
        given: Inputs,
        extra: Mapping[str, str] | None = None,
        limit_seconds: int = 120,
    ) -> Ran:
        """Run a script of the package with nothing around it but what the agent would give."""
        job = {
            "folder": f"{STATE}/{package.digest[:12]}",
            "script": f"./{script}",
            "log": f"{STATE}/log",
            "environment": {**environment(package, given), **(extra or {}), **FIXED},
        }
        await self.push(json.dumps(job).encode(), f"{STATE}/job.json")
        began = clock.monotonic()
        done = await self.execute(
            "timeout",
            "-k5",
            str(limit_seconds),
            "python3",
            "-c",
            _RUNNER,
            f"{STATE}/job.json",
            limit_seconds=limit_seconds + 60,
        )
        took = clock.monotonic() - began
        log = await self.execute("tail", "-c", str(_TAIL), f"{STATE}/log")
        return Ran(done.code, f"{log.output}{done.output}".strip(), took)

    async def inventory(self) -> dict[str, dict[str, str]]:
        """Return what the guest holds."""
        await self.push(_INVENTORY, f"{STATE}/inventory.py")
        target = f"{STATE}/inventory.json"
        done = await self.execute(
            "python3", "-B", f"{STATE}/inventory.py", target, limit_seconds=120
        )
        if done.code:
            raise LabError(f"The guest cannot be listed: {done.output.strip()[-500:]}")
        found: dict[str, dict[str, str]] = json.loads(await self.pull(target))
        return found

    async def delete(self) -> None:
        """Take the guest away."""
        await self.lab.run("delete", "-f", self.name)


def environment(package: Package, given: Inputs) -> dict[str, str]:
    """Return the variables that the agent would make of these inputs."""
    answers = {**given.values, **{name: one.reveal() for name, one in given.secrets.items()}}
    declared = [declarations.declaration(one) for one in package.manifest.inputs]
    return agent_inputs.environment(declared, answers)


async def start(lab: Lab, package: Package) -> Guest:
    """Start a fresh guest of the smallest size that the package says it needs."""
    needs = package.manifest.resource_requirements
    name = f"proof-{package.manifest.id[:40]}-{ids.new_id()[-6:]}"
    await lab.check(
        "launch",
        lab.image,
        name,
        "-s",
        lab.pool,
        "-n",
        lab.network,
        *("-d", f"root,size={needs.min_disk_mb}MiB"),
        *("-c", f"limits.memory={needs.min_ram_mb}MiB"),
        *("-c", "limits.processes=2000"),
        *("-c", "security.idmap.isolated=true"),
        *("-c", "security.guestapi=false"),
        *("-c", f"security.nesting={str(package.manifest.nesting).lower()}"),
        limit_seconds=180,
    )
    guest = Guest(lab, name, "")
    address = ""

    async def is_up() -> bool:
        nonlocal address
        listed = (await lab.run("list", f"^{name}$", "-c4", "-fcsv")).output
        words = [word for word in listed.replace('"', " ").split() if word.count(".") == 3]  # noqa: PLR2004 - IPv4
        address = words[0] if words else ""
        done = await guest.execute("systemctl", "is-system-running", "--wait")
        return bool(address) and done.output.strip() in ("running", "degraded")

    try:
        await until_true("the container is up", is_up, 60)
    except (LabError, asyncio.CancelledError):
        await guest.delete()
        raise
    return Guest(lab, name, address)


def _packed(files: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO(files[name]))
    return sink.getvalue()
