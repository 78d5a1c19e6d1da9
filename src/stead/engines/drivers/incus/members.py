"""The members of an Incus cluster: which there are, which takes a new guest, emptying one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.incus.client import IncusClient, Json
from stead.engines.drivers.incus.ground import DONE, Ground, rows, table
from stead.engines.values import EngineTask

_EVACUATED: Final = "Evacuated"
_UNTOLD: Final = -1
_TASKS: Final = {"evacuate": "Evacuating cluster member", "restore": "Restoring cluster member"}


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a cluster, as the cluster tells of it."""

    name: str
    status: str
    domain: str

    @property
    def online(self) -> bool:
        """Tell whether it answers the others; one that was evacuated does."""
        return self.status in {"Online", _EVACUATED}

    @property
    def evacuated(self) -> bool:
        """Tell whether it was emptied for work on it."""
        return self.status == _EVACUATED

    @property
    def takes(self) -> bool:
        """Tell whether new guests can be put there."""
        return self.status == "Online"


async def listed(client: IncusClient) -> tuple[Member, ...]:
    """Return the members of the cluster, by name."""
    found = rows(await client.get("/cluster/members", "list its members", recursion="1"))
    members = (
        Member(
            name=str(row.get("server_name", "")),
            status=str(row.get("status", "")),
            domain=str(row.get("failure_domain", "")),
        )
        for row in found
    )
    return tuple(sorted(members, key=lambda one: one.name))


async def target(client: IncusClient, wanted: str = "") -> dict[str, str]:
    """Return the query that puts a new guest on a member: the wanted one, if it takes guests.

    Otherwise it is the one with the most free memory. The query is empty where we may not
    choose, and Incus does. Raises Unreachable when no member takes guests.
    """
    if not await may_choose(client):
        return {}
    names = [one.name for one in await listed(client) if one.takes]
    if not names:
        raise errors.UnreachableError("No member of this cluster is online and takes guests")
    if wanted in names or len(names) == 1:
        return {"target": wanted if wanted in names else names[0]}
    free = await asyncio.gather(*(_free(client, name) for name in names))
    _, best = max(zip(free, names, strict=True), key=lambda pair: pair[0])
    return {"target": best}


async def may_choose(client: IncusClient) -> bool:
    """Tell whether our project lets us say on which member a guest goes."""
    try:
        told = await client.get(f"/projects/{client.project}", "look at its project")
    except (errors.NotFoundError, errors.ForbiddenError):
        return False
    config = table(table(told).get("config"))
    allowed = config.get("restricted.cluster.target") == "allow"
    return allowed or config.get("restricted") != "true"


async def _free(client: IncusClient, name: str) -> int:
    """Return a member's free memory; one that does not tell comes last."""
    try:
        told = table(await client.get("/resources", "say what it has", target=name))
    except errors.EngineError:
        return _UNTOLD
    memory = table(told.get("memory"))
    total, used = memory.get("total"), memory.get("used")
    return total - used if isinstance(total, int) and isinstance(used, int) else _UNTOLD


class Members(Ground):
    """Empties members for work on them, and takes them back."""

    async def evacuate(self, node: str) -> EngineTask:
        await self._require_evacuation()
        if (task := await self._under_way(node, "evacuate")) is not None:
            return task
        members = await self._members(node)
        if members[node].evacuated:
            return DONE
        if not any(one.takes for one in members.values() if one.name != node):
            # Incus would stop every guest there before it noticed.
            raise errors.ConflictError(
                f"No other member of this cluster can take what runs on {node}",
                hint="Bring another member back first",
            )
        return await self._ask(node, "evacuate")

    async def restore_node(self, node: str) -> EngineTask:
        await self._require_evacuation()
        if (task := await self._under_way(node, "restore")) is not None:
            return task
        members = await self._members(node)
        return await self._ask(node, "restore") if members[node].evacuated else DONE

    async def _require_evacuation(self) -> None:
        if reason := await self._kept_from_members():
            raise errors.UnsupportedError(
                f"This cluster cannot do {Ability.EVACUATION}: {reason}", hint=reason
            )

    async def _ask(self, node: str, action: str) -> EngineTask:
        body: dict[str, Json] = {"action": action}
        path = f"/cluster/members/{node}/state"
        return EngineTask(await self._client.send("POST", path, f"{action} a member", body))

    async def _members(self, node: str) -> Mapping[str, Member]:
        """Return the members by name. Raises NotFound, and Unreachable for one that is down."""
        found = {one.name: one for one in await listed(self._client)}
        if node not in found:
            raise errors.NotFoundError(f"This cluster has no member {node[:80]}")
        if not found[node].online:
            raise errors.UnreachableError(
                f"The member {node} does not answer", native=found[node].status
            )
        return found

    async def _under_way(self, node: str, action: str) -> EngineTask | None:
        """Return the task that does so already; a member counts as evacuated from its start.

        Raises Locked while the opposite is under way.
        """
        groups = table(await self._client.get("/operations", "list its tasks", recursion="1"))
        for row in rows(groups.get("running")):
            words = row.get("description")
            if row.get("location") != node or words not in _TASKS.values():
                continue
            if words != _TASKS[action]:
                raise errors.LockedError(
                    f"Incus is busy with the member {node}", native=str(words)
                )
            return EngineTask(str(row.get("id", "")))
        return None
