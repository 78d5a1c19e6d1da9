"""The Incus driver: containers on a machine with Incus 6, reached with restricted rights."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from stead.engines import errors, limits
from stead.engines.capabilities import Ability, Capabilities, Capability, no, yes
from stead.engines.drivers.incus import mapping
from stead.engines.drivers.incus.client import IncusClient, Json, connect
from stead.engines.values import (
    EngineTask,
    Guest,
    GuestFile,
    GuestKind,
    GuestSpec,
    GuestState,
    Health,
    NetworkSpec,
)

_OPTIONS: Final = frozenset(("url", "project", "pool", "certificate", "key", "server_certificate"))
_NO_VMS: Final = "This driver makes containers only"
_ALWAYS: Final = (
    yes(Ability.CONTAINERS),
    no(Ability.VMS, _NO_VMS),
    yes(Ability.CONFINEMENT),
    yes(Ability.CPU_LIMIT),
    yes(Ability.MEMORY_LIMIT),
    yes(Ability.PROCESS_LIMIT),
    yes(Ability.ADDRESS_FILTER),
    yes(Ability.NEIGHBOUR_ISOLATION),
    yes(Ability.PROJECT_ISOLATION),
    yes(Ability.NETWORKS),
    yes(Ability.BOOT_LOG),
    yes(Ability.FILES),
)


def open_driver(options: Mapping[str, str]) -> "IncusDriver":
    """Return a driver for one project of one server; named by the entry point ``incus``."""
    if set(options) != _OPTIONS:
        raise errors.InvalidError(f"The engine incus takes {', '.join(sorted(_OPTIONS))}")
    client = connect(
        options["url"],
        options["project"],
        certificate=Path(options["certificate"]),
        key=Path(options["key"]),
        server_certificate=Path(options["server_certificate"]),
    )
    return IncusDriver(client, options["pool"])


class IncusDriver:
    """Implements the container engine port; holds no state but its client."""

    def __init__(self, client: IncusClient, pool: str) -> None:
        self._client = client
        self._pool = pool

    async def health(self) -> Health:
        server = _table(await self._client.get("", "describe itself"))
        if server.get("auth") != "trusted":
            raise errors.AuthRejectedError(
                "Incus does not trust our client certificate",
                hint="Run the quickstart again, or add the certificate with incus config trust",
            )
        environment = _table(server.get("environment"))
        return Health(
            version=str(environment.get("server_version", "")),
            nodes=(str(environment.get("server_name", "")),),
            engine="Incus",
        )

    async def capabilities(self, pool: str = "") -> Capabilities:
        chosen = pool or self._pool
        answer = _table(await self._client.get(f"/storage-pools/{chosen}", "show its storage"))
        return Capabilities((*_ALWAYS, _disk_limit(str(answer.get("driver", "")))), chosen)

    async def inventory(self) -> tuple[Guest, ...]:
        rows = await self._client.get("/instances", "list instances", recursion="1")
        return tuple(mapping.guest(_table(row)) for row in rows) if isinstance(rows, list) else ()

    async def find(self, name: str) -> Guest | None:
        try:
            return mapping.guest(
                _table(await self._client.get(f"/instances/{name}", "look it up"))
            )
        except errors.NotFoundError:
            return None

    async def create(self, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        if spec.kind is not GuestKind.CONTAINER:
            raise errors.UnsupportedError(f"This cluster cannot do vms: {_NO_VMS}")
        existing = await self.find(spec.name)
        if existing is not None:
            if existing.key != spec.key:
                raise errors.ConflictError(
                    f"Incus already has an instance {spec.name} that is not this one"
                )
            return await self._running_task(spec.name)
        body = mapping.instance_body(spec, self._pool)
        return EngineTask(
            await self._client.send("POST", "/instances", "create a container", body)
        )

    async def start(self, name: str) -> EngineTask:
        await self._quiet(name)
        guest = await self.find(name)
        if guest is None:
            raise errors.NotFoundError(f"The container {name} is gone")
        if guest.state is GuestState.RUNNING:
            return EngineTask("", done=True)
        return await self._change_state(name, "start", force=False)

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        await self._quiet(name)
        guest = await self.find(name)
        if guest is None or guest.state is GuestState.STOPPED:
            return EngineTask("", done=True)
        return await self._change_state(name, "stop", force=force)

    async def delete(self, name: str) -> EngineTask:
        await self._quiet(name)
        try:
            task = await self._client.send("DELETE", f"/instances/{name}", "delete a container")
        except errors.NotFoundError:
            return EngineTask("", done=True)
        return EngineTask(task)

    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        if task.done or not task.native_id:
            return
        try:
            async with asyncio.timeout(limit_seconds):
                while not await self._client.wait(task.native_id, "finish a task"):
                    pass
        except TimeoutError as error:
            raise errors.OutcomeUnknownError(
                f"Incus has not finished within {limit_seconds:g} seconds"
            ) from error

    async def push_file(self, name: str, file: GuestFile) -> None:
        headers = _owned("file", file.mode) | {"X-Incus-write": "overwrite"}
        try:
            await self._push(name, file.path, file.content, headers)
        except errors.NotFoundError:
            await self._make_folders(name, file.path)
            await self._push(name, file.path, file.content, headers)

    async def pull_file(self, name: str, path: str, *, limit_bytes: int) -> GuestFile:
        content, mode = await self._client.download(
            f"/instances/{name}/files", "read a file", limit_bytes, path=path
        )
        return GuestFile(path, content, mode)

    async def ensure_network(self, spec: NetworkSpec) -> None:
        """Create what is missing; a restricted certificate may create networks, not change them.

        See ADR 0004 for what that means for networks that were changed by hand.
        """
        if await self._network_exists(spec.name):
            return
        rules = {"name": spec.name, **mapping.acl_body(spec)}
        # They exist when a run of ours was killed here; names are never used for other rules.
        with suppress(errors.ExistsError):
            await self._client.send("POST", "/network-acls", "create firewall rules", rules)
        bridge: dict[str, Json] = {
            "name": spec.name,
            "type": "bridge",
            "config": mapping.network_config(spec),
        }
        try:
            await self._client.send("POST", "/networks", "create a network", bridge)
        except errors.ExistsError:
            if not await self._network_exists(spec.name):
                raise

    async def boot_log(self, name: str) -> str:
        try:
            return (await self._client.text(f"/instances/{name}/console", "show its console"))[
                -4000:
            ]
        except errors.EngineError:
            return ""

    async def close(self) -> None:
        await self._client.close()

    async def _network_exists(self, name: str) -> bool:
        try:
            await self._client.get(f"/networks/{name}", "look up a network")
        except errors.NotFoundError:
            return False
        return True

    async def _change_state(self, name: str, action: str, *, force: bool) -> EngineTask:
        body: dict[str, Json] = {"action": action, "timeout": 30, "force": force}
        return EngineTask(
            await self._client.send(
                "PUT", f"/instances/{name}/state", f"{action} a container", body
            )
        )

    async def _quiet(self, name: str) -> None:
        """Wait for whatever Incus is still doing with this instance, for us or for a former us."""
        task = await self._running_task(name)
        if task.native_id:
            try:
                await self.settle(task, limit_seconds=120)
            except errors.EngineError as error:
                # How that task ended is not our concern, only that it has.
                if error.retryable:
                    raise

    async def _running_task(self, name: str) -> EngineTask:
        groups = _table(await self._client.get("/operations", "list its tasks", recursion="1"))
        running = groups.get("running")
        for row in running if isinstance(running, list) else []:
            operation = _table(row)
            touched = _table(operation.get("resources")).get("instances")
            names = (
                [str(path).rsplit("/", 1)[-1].split("?")[0] for path in touched or []]
                if isinstance(touched, list)
                else []
            )
            if name in names:
                return EngineTask(str(operation.get("id", "")))
        return EngineTask("", done=True)

    async def _make_folders(self, name: str, path: str) -> None:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            folder = "/" + "/".join(parts[:depth])
            try:
                await self._push(name, folder, b"", _owned("directory", 0o755))
            except errors.ConflictError:
                continue

    async def _push(self, name: str, path: str, content: bytes, headers: dict[str, str]) -> None:
        await self._client.upload(
            f"/instances/{name}/files",
            "put a file into a container",
            content,
            headers,
            path=path,
        )


def _disk_limit(driver: str) -> Capability:
    if driver == "dir":
        return no(Ability.DISK_LIMIT, "A pool of kind dir cannot limit disks; use btrfs")
    return yes(Ability.DISK_LIMIT)


def _owned(kind: str, mode: int) -> dict[str, str]:
    return {
        "X-Incus-uid": "0",
        "X-Incus-gid": "0",
        "X-Incus-type": kind,
        "X-Incus-mode": f"{mode:04o}",
    }


def _table(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
