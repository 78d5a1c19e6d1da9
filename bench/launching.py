"""Three ways to create and start the same container; for the benchmark "engine_incus"."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from tests.support.incus import Incus

from stead.engines import registry
from stead.engines.drivers.incus import mapping
from stead.engines.port import ContainerEngine
from stead.engines.values import GuestSpec, NetworkSpec

LIMIT = 120
NET = "bench-net"


class Way(StrEnum):
    """Who asks Incus."""

    DRIVER = "driver"
    CLIENT = "client"
    RAW = "raw"


@dataclass
class Launchers:
    """What each way needs; guests are numbered so that no two have a name or an address."""

    incus: Incus
    engine: ContainerEngine
    http: httpx.AsyncClient
    network: IPv4Network
    numbers: "count[int]" = field(default_factory=count)

    async def launch(self, way: Way, image: str, at_once: int) -> float:
        """Create and start that many guests, take them away, and return the seconds it took."""
        specs = [self._spec(image) for _ in range(at_once)]
        do = {Way.DRIVER: self._driver, Way.CLIENT: self._client, Way.RAW: self._raw}[way]
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for spec in specs:
                group.create_task(do(spec))
        took = time.perf_counter() - began
        await self._command("delete", "--force", *(spec.name for spec in specs))
        return took

    async def _driver(self, spec: GuestSpec) -> None:
        await self.engine.settle(await self.engine.create(spec), LIMIT)
        await self.engine.settle(await self.engine.start(spec.name), LIMIT)

    async def _client(self, spec: GuestSpec) -> None:
        body = mapping.instance_body(spec, self.incus.pool)
        given = {name: body[name] for name in ("config", "description", "devices")}
        words = ("launch", spec.image, spec.name, "--no-profiles", "--quiet")
        await self._command(*words, given=json.dumps(given))

    async def _raw(self, spec: GuestSpec) -> None:
        body = mapping.instance_body(spec, self.incus.pool)
        await self._ask("POST", "/instances", body)
        start = {"action": "start", "timeout": 30}
        await self._ask("PUT", f"/instances/{spec.name}/state", start)

    async def _ask(self, method: str, path: str, body: dict[str, Any]) -> None:
        query = {"project": self.incus.project}
        accepted = await self.http.request(method, f"/1.0{path}", params=query, json=body)
        operation = accepted.raise_for_status().json()["metadata"]["id"]
        done = await self.http.get(f"/1.0/operations/{operation}/wait", params=query)
        ended = done.raise_for_status().json()["metadata"]
        if ended["status"] != "Success":
            raise RuntimeError(ended["err"])

    async def _command(self, *words: str, given: str = "") -> None:
        process = await asyncio.create_subprocess_exec(
            "incus",
            "--project",
            self.incus.project,
            *words,
            env={**os.environ, "INCUS_DIR": str(self.incus.folder)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate(given.encode())
        if process.returncode:
            raise RuntimeError(f"incus {words[0]}: {said.decode().strip()}")

    def _spec(self, image: str) -> GuestSpec:
        number = next(self.numbers)
        usable = self.network.num_addresses - 40
        return GuestSpec(
            name=f"bench-{number}",
            key=f"key-{number}",
            owner=f"owner-{number}",
            image=image,
            network=NET,
            address=self.network[20 + number % usable],
            mac="",
            cores=1,
            memory_mb=256,
            disk_gb=2,
        )


@asynccontextmanager
async def ways(incus: Incus, network: IPv4Network) -> AsyncIterator[Launchers]:
    """Open all three to one daemon."""
    options = {
        "url": incus.url,
        "project": incus.project,
        "pool": incus.pool,
        "certificate": str(incus.certificate),
        "key": str(incus.key),
        "server_certificate": str(incus.server_certificate),
    }
    engine = registry.connect("incus", options)
    if not isinstance(engine, ContainerEngine):
        raise TypeError("the Incus driver runs no containers")
    socket = httpx.AsyncHTTPTransport(uds=str(incus.folder / "unix.socket"))
    base = "http://incus"
    async with httpx.AsyncClient(transport=socket, base_url=base, timeout=LIMIT) as http:
        try:
            await engine.ensure_network(NetworkSpec(NET, network, network[1], 8444))
            yield Launchers(incus, engine, http, network)
        finally:
            await engine.close()


def import_image(incus: Incus, folder: Path, name: str) -> None:
    """Give the daemon one more image."""
    parts = (str(folder / "metadata.tar"), str(folder / "rootfs.tar.zst"))
    incus.command("image", "import", "--project", incus.project, *parts, "--alias", name)
