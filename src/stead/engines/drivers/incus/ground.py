"""What the parts of the Incus driver stand on: its client, its pool, tasks, and JSON as tables."""

import asyncio

from stead.engines import errors
from stead.engines.capabilities import Ability, Capabilities, Capability, no, yes
from stead.engines.drivers.incus import mapping, rights
from stead.engines.drivers.incus.client import IncusClient, Json
from stead.engines.values import EngineTask, Guest, GuestState

DONE = EngineTask("", done=True)
_NO_VMS = "This driver makes containers only, also where Incus could make virtual machines"
_NO_KVM = "Incus found no /dev/kvm on its host, or no QEMU, so there are only containers"
_RESTRICTED = (
    "Our certificate is restricted to projects, and Incus lets only an unrestricted one empty a"
    " member, with the guests of everybody. Run incus cluster evacuate there, or replace our"
    " certificate by an unrestricted one"
)


class Ground:
    """The state of the driver and what every part of it needs."""

    def __init__(self, client: IncusClient, pool: str) -> None:
        self._client = client
        self._pool = pool
        # Whether the server is one of a cluster, once it was asked.
        self._clustered: bool | None = None

    async def capabilities(self, pool: str = "") -> Capabilities:
        chosen = pool or self._pool
        answer = table(await self._client.get(f"/storage-pools/{chosen}", "show its storage"))
        cannot = {Ability.VMS: await self._no_vms(), **lacks(str(answer.get("driver", "")))}
        cannot |= await self._withheld()
        if reason := await self._kept_from_members():
            cannot[Ability.EVACUATION] = reason
        return Capabilities(tuple(_entry(ability, cannot) for ability in Ability), chosen)

    async def _no_vms(self) -> str:
        """Return why there are no virtual machines here: what Incus can run, it names."""
        server = table(await self._client.get("", "describe itself"))
        runs = str(table(server.get("environment")).get("driver") or "qemu")
        return _NO_VMS if "qemu" in runs else _NO_KVM

    async def _withheld(self) -> dict[Ability, str]:
        """Return what our project's settings keep from us; one that is not shown says nothing."""
        project = self._client.project
        try:
            told = table(await self._client.get(f"/projects/{project}", "look at its project"))
        except (errors.NotFoundError, errors.ForbiddenError):
            return {}
        return rights.missing(project, table(told.get("config")))

    async def _kept_from_members(self) -> str:
        """Return why members of a cluster cannot be emptied through us, or nothing."""
        server = table(await self._client.get("", "describe itself"))
        if not self._note_cluster(server):
            return "This server is not part of a cluster"
        if (await own_certificate(self._client, server)).get("restricted") is True:
            return _RESTRICTED
        return ""

    async def _in_cluster(self) -> bool:
        if self._clustered is None:
            self._note_cluster(table(await self._client.get("", "describe itself")))
        return bool(self._clustered)

    def _note_cluster(self, server: dict[str, Json]) -> bool:
        self._clustered = table(server.get("environment")).get("server_clustered") is True
        return self._clustered

    async def find(self, name: str) -> Guest | None:
        try:
            return mapping.guest(table(await self._client.get(f"/instances/{name}", "look it up")))
        except errors.NotFoundError:
            return None

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

    async def _guest(self, name: str, *, running: bool | None = None) -> Guest:
        """Return a guest that runs or not as asked for. Raises NotFound or Conflict."""
        found = await self.find(name)
        if found is None:
            raise errors.NotFoundError(f"The container {name} is not there")
        if running is not None and (found.state is GuestState.RUNNING) is not running:
            state = "stopped" if running else "running"
            raise errors.ConflictError(f"The container {name} is {state}")
        return found

    async def _quiet(self, name: str) -> None:
        """Wait for whatever Incus is still doing with this instance, for us or for a former us."""
        task = await self._running_task(name)
        if task.native_id:
            try:
                await self.settle(task, limit_seconds=120)
            except errors.LockedError:
                # How that task ended is not our concern, only that it has.
                return
            except errors.EngineError as error:
                if error.retryable:
                    raise

    async def _running_task(self, name: str) -> EngineTask:
        groups = table(await self._client.get("/operations", "list its tasks", recursion="1"))
        for row in rows(groups.get("running")):
            touched = table(row.get("resources")).get("instances")
            names = [
                str(path).rsplit("/", 1)[-1].split("?")[0]
                for path in (touched if isinstance(touched, list) else [])
            ]
            # A session of somebody in the guest may last for days and holds up nothing.
            if name in names and row.get("class") != "websocket":
                return EngineTask(str(row.get("id", "")))
        return DONE


def table(value: Json) -> dict[str, Json]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Json) -> list[dict[str, Json]]:
    """Return the objects of a JSON list, or nothing."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


async def own_certificate(client: IncusClient, server: dict[str, Json]) -> dict[str, Json]:
    """Return our own certificate's record; Incus shows a restricted one only itself."""
    me = server.get("auth_user_name", "")
    found = rows(await client.get("/certificates", "show our certificate", recursion="1"))
    return next((one for one in found if one.get("fingerprint") == me), {})


def _entry(ability: Ability, cannot: dict[Ability, str]) -> Capability:
    return no(ability, cannot[ability]) if ability in cannot else yes(ability)


def lacks(pool_driver: str) -> dict[Ability, str]:
    """Return what cannot be done on storage of this kind, and why."""
    if pool_driver != "dir":
        return {}
    return {Ability.DISK_LIMIT: "A pool of kind dir cannot limit disks; use btrfs"}
