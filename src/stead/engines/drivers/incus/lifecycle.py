"""The port's own methods on Incus, and the networks that its guests need."""

import asyncio
from contextlib import suppress
from typing import Final

from stead.engines import errors, limits
from stead.engines.drivers.incus import mapping, members
from stead.engines.drivers.incus.client import IncusClient, Json
from stead.engines.drivers.incus.ground import DONE, Ground, rows, table
from stead.engines.values import (
    EngineTask,
    Guest,
    GuestKind,
    GuestSpec,
    GuestState,
    Health,
    NetworkSpec,
)

_LOG_LENGTH: Final = 4000
_LOOK_SECONDS: Final = 0.05
_AUTOSTART: Final = "boot.autostart"
_CREATED: Final = "Created"
_PARTIAL: Final = "Errored"


class Lifecycle(Ground):
    """Guests come, run and go."""

    def __init__(self, client: IncusClient, pool: str) -> None:
        super().__init__(client, pool)
        self._boot_logs: dict[str, str] = {}

    async def health(self) -> Health:
        server = table(await self._client.get("", "describe itself"))
        if server.get("auth") != "trusted":
            raise errors.AuthRejectedError(
                "Incus does not trust our client certificate",
                hint="Run the quickstart again, or add the certificate with incus config trust",
            )
        environment = table(server.get("environment"))
        nodes: tuple[str, ...] = (str(environment.get("server_name", "")),)
        if self._note_cluster(server):
            listed = await members.listed(self._client)
            nodes = tuple(one.name for one in listed if one.online)
        return Health(str(environment.get("server_version", "")), nodes, engine="Incus")

    async def inventory(self) -> tuple[Guest, ...]:
        found = rows(await self._client.get("/instances", "list instances", recursion="1"))
        if not found:
            await self._require_sight()
        return tuple(mapping.guest(row) for row in found)

    async def _require_sight(self) -> None:
        """Tell an empty project from one that we may not look into any more. Raises Blind."""
        try:
            await self._client.get(f"/projects/{self._client.project}", "look at its project")
        except (errors.NotFoundError, errors.ForbiddenError) as error:
            raise errors.BlindError(
                f"Incus shows us no guests, and not the project {self._client.project} either",
                native=error.native,
                hint="Add the project to what our certificate is restricted to, with"
                " incus config trust edit",
            ) from error

    async def create(self, spec: GuestSpec) -> EngineTask:
        await self._check(spec)
        if (task := await self._made_before(spec)) is not None:
            return task
        return await self._make(spec, {"source": {"type": "image", "alias": spec.image}})

    async def reassign(self, name: str, spec: GuestSpec) -> EngineTask:
        """Change everything first and the name last, so that a repeated call can go on."""
        await self._check(spec)
        if (task := await self._made_before(spec)) is not None:
            return task
        await self._quiet(name)
        found = await self._guest(name, running=False)
        if spec.disk_gb < found.size.disk_gb:
            raise errors.InvalidError(f"The disk of {name} is larger already")
        known = table(await self._client.get(f"/instances/{name}", "look it up"))
        if table(known.get("config")).get("volatile.last_state.power"):
            raise errors.ConflictError(f"The container {name} has run, and keeps what it did")
        whole = mapping.instance_body(spec, self._pool)
        body = {part: whole[part] for part in ("description", "config", "devices")}
        changed = await self._client.send("PATCH", f"/instances/{name}", "give it away", body)
        await self.settle(EngineTask(changed), 60)
        named: dict[str, Json] = {"name": spec.name}
        return EngineTask(
            await self._client.send("POST", f"/instances/{name}", "rename a container", named)
        )

    async def start(self, name: str) -> EngineTask:
        await self._quiet(name)
        guest = await self._guest(name)
        if guest.state is GuestState.RUNNING:
            return DONE
        return await self._change_state(name, "start", force=False)

    async def stop(self, name: str, *, force: bool) -> EngineTask:
        await self._quiet(name)
        guest = await self.find(name)
        if guest is None:
            return DONE
        await self._stay_as_left(name)
        if guest.state is GuestState.STOPPED:
            return DONE
        return await self._change_state(name, "stop", force=force)

    async def delete(self, name: str) -> EngineTask:
        await self._quiet(name)
        try:
            task = await self._client.send("DELETE", f"/instances/{name}", "delete a container")
        except errors.NotFoundError:
            return DONE
        return EngineTask(task)

    async def close(self) -> None:
        await self._client.close()

    async def ensure_network(self, spec: NetworkSpec) -> None:
        """Create what is missing; a restricted certificate may create networks, not change them.

        See ADR 0004 for what that means for networks that were changed by hand.
        """
        status = await self._network_status(spec.name)
        if status == _CREATED:
            return
        names = await self._member_names() if status != _PARTIAL else ()
        rules = {"name": spec.name, **mapping.acl_body(spec)}
        # They exist when a run of ours was killed here; names are never used for other rules.
        with suppress(errors.ExistsError):
            await self._client.send("POST", "/network-acls", "create firewall rules", rules)
        bridge: dict[str, Json] = {
            "name": spec.name,
            "type": "bridge",
            # What some members have got already is kept for the others, and not taken again.
            "config": {} if status == _PARTIAL else mapping.network_config(spec),
        }
        for member in names:
            # Each member has to know of it first; some may from an earlier attempt.
            with suppress(errors.ConflictError):
                part: dict[str, Json] = {"name": spec.name, "type": "bridge"}
                await self._client.send("POST", "/networks", "plan a network", part, target=member)
        try:
            await self._client.send("POST", "/networks", "create a network", bridge)
        except errors.ExistsError:
            if await self._network_status(spec.name) != _CREATED:
                raise

    async def boot_log(self, name: str) -> str:
        """Return what was read before too: Incus tells a running guest's lines only once."""
        known = self._boot_logs.pop(name, "")
        try:
            said = await self._client.text(f"/instances/{name}/console", "show its console")
        except errors.EngineError as error:
            if isinstance(error, errors.NotFoundError):
                return ""
            said = ""
        log = (said if known in said else known + said)[-_LOG_LENGTH:]
        self._boot_logs[name] = log
        return log

    async def _network_status(self, name: str) -> str:
        """Return how far a network is; nothing for one that nobody knows."""
        try:
            found = await self._client.get(f"/networks/{name}", "look up a network")
        except errors.NotFoundError:
            return ""
        return str(table(found).get("status", _CREATED))

    async def _check(self, spec: GuestSpec) -> None:
        limits.check_spec(spec)
        if spec.kind is not GuestKind.CONTAINER:
            raise errors.UnsupportedError(f"This cluster cannot do vms: {await self._no_vms()}")

    async def _made_before(self, spec: GuestSpec) -> EngineTask | None:
        """Return what an earlier call with this key began; raise Conflict for another key."""
        existing = await self._find_coming(spec.name)
        if existing is None:
            return None
        if existing.key != spec.key:
            raise errors.ConflictError(
                f"Incus already has an instance {spec.name} that is not this one"
            )
        task = await self._running_task(spec.name)
        if task.done and not await self._has_disk(existing):
            # A daemon that dies while it makes one keeps the name, which could never start.
            torn = await self._client.send("DELETE", f"/instances/{spec.name}", "tidy up a guest")
            await self.settle(EngineTask(torn), 60)
            return None
        return task

    async def _has_disk(self, guest: Guest) -> bool:
        """Tell whether its disk is where it says itself; one that does not say has one."""
        known = table(await self._client.get(f"/instances/{guest.name}", "look it up"))
        pool = table(table(known.get("expanded_devices")).get("root")).get("pool")
        if not isinstance(pool, str):
            return True
        where = {"target": guest.node} if await self._in_cluster() else {}
        path = f"/storage-pools/{pool}/volumes/container/{guest.name}"
        try:
            await self._client.get(path, "look up its disk", **where)
        except errors.NotFoundError:
            return False
        return True

    async def _find_coming(self, name: str) -> Guest | None:
        """Return an instance, also one that Incus has promised and not written down yet.

        The tasks come first: one that is not among them any more has left its instance behind.
        """
        while True:
            task = await self._running_task(name)
            found = await self.find(name)
            if found is not None or task.done:
                return found
            await asyncio.sleep(_LOOK_SECONDS)

    async def _make(self, spec: GuestSpec, extra: dict[str, Json], node: str = "") -> EngineTask:
        """Ask for a container, on the member with the most free memory if none is named."""
        body = mapping.instance_body(spec, self._pool) | extra
        where = await members.target(self._client, node) if await self._in_cluster() else {}
        return EngineTask(
            await self._client.send("POST", "/instances", "create a container", body, **where)
        )

    async def _member_names(self) -> tuple[str, ...]:
        """Return the members of the cluster; none for a server of its own."""
        if not await self._in_cluster():
            return ()
        return tuple(one.name for one in await members.listed(self._client))

    async def _stay_as_left(self, name: str) -> None:
        """Let the host's next start leave it as it was; earlier versions made it always run."""
        known = table(await self._client.get(f"/instances/{name}", "look it up"))
        if _AUTOSTART not in table(known.get("config")):
            return
        body: dict[str, Json] = {"config": {_AUTOSTART: ""}}
        changed = await self._client.send("PATCH", f"/instances/{name}", "change it", body)
        await self.settle(EngineTask(changed), 60)

    async def _change_state(self, name: str, action: str, *, force: bool) -> EngineTask:
        body: dict[str, Json] = {"action": action, "timeout": 30, "force": force}
        return EngineTask(
            await self._client.send(
                "PUT", f"/instances/{name}/state", f"{action} a container", body
            )
        )
