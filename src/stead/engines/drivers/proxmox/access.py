"""The least that the control plane may do on a cluster, created by an administrator once.

Nothing here needs root: the API token holds one role, and consoles are opened by throw-away
users of a group that itself has no rights. The check goes privilege by privilege.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Param, ProxmoxClient, table
from stead.engines.drivers.proxmox.mapping import Site

ROLE: Final = "SteadControl"
CONSOLE_ROLE: Final = "SteadConsole"
USERS_ROLE: Final = "SteadUsers"
AUDIT_ROLE: Final = "SteadAudit"
NETWORKS_ROLE: Final = "SteadNetworks"
CONSOLE_GROUP: Final = "stead-console"
INJECTION: Final = "agent_injection"
SAFE_DELETE: Final = "safe_delete"
FENCE: Final = str(Ability.ADDRESS_FILTER)

_GUEST, _POOL, _STORE, _NET, _NODE, _ROOT = "guest", "pool", "store", "net", "node", "root"
_GROUP, _REALM = "group", "realm"
_LIFE: Final = str(Ability.CONTAINERS)


@dataclass(frozen=True, slots=True)
class Need:
    """One privilege, where it is needed, and what does not work without it."""

    privilege: str
    place: str
    features: tuple[str, ...]


NEEDS: Final = (
    Need("VM.Audit", _GUEST, (_LIFE, Ability.METRICS)),
    Need("VM.Allocate", _GUEST, (_LIFE, Ability.IMAGES, Ability.NESTING)),
    Need("VM.Clone", _GUEST, (_LIFE, Ability.CLONE)),
    Need("VM.Config.Disk", _GUEST, (_LIFE, Ability.RESIZE)),
    Need("VM.Config.CPU", _GUEST, (_LIFE, Ability.RESIZE)),
    Need("VM.Config.Memory", _GUEST, (_LIFE, Ability.RESIZE)),
    Need("VM.Config.Network", _GUEST, (_LIFE, FENCE)),
    Need("VM.Config.Options", _GUEST, (_LIFE, INJECTION, Ability.RESIZE)),
    Need("VM.PowerMgmt", _GUEST, (_LIFE,)),
    Need("VM.Snapshot", _GUEST, (Ability.SNAPSHOTS,)),
    Need("VM.Snapshot.Rollback", _GUEST, (Ability.SNAPSHOTS,)),
    Need("VM.Backup", _GUEST, ("stored_backups",)),
    Need("VM.Console", _GUEST, (INJECTION,)),
    Need("Pool.Audit", _POOL, ("pools",)),
    Need("Pool.Allocate", _POOL, ("pools",)),
    Need("Datastore.AllocateSpace", _STORE, (_LIFE, "stored_backups")),
    Need("Datastore.Audit", _STORE, (_LIFE, Ability.IMAGES)),
    Need("SDN.Use", _NET, (_LIFE,)),
    Need("Sys.Audit", _NODE, (Ability.BOOT_LOG,)),
    Need("Sys.Modify", _NODE, (Ability.NETWORKS,)),
    Need("Sys.Audit", _ROOT, (SAFE_DELETE, FENCE)),
)
INJECTION_NEEDS: Final = (
    Need("User.Modify", _GROUP, (INJECTION,)),
    Need("Realm.AllocateUser", _REALM, (INJECTION,)),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A privilege that our token lacks."""

    need: Need
    path: str

    @override
    def __str__(self) -> str:
        """Say it the way an administrator can act on it."""
        return f"{self.need.privilege} on {self.path}"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One privilege that we looked for."""

    missing: Missing
    held: bool


async def check(client: ProxmoxClient, site: Site, storage: str = "") -> tuple[Missing, ...]:
    """Return what is missing, judged by what Proxmox says of our own token."""
    return tuple(one.missing for one in await review(client, site, storage) if not one.held)


async def review(client: ProxmoxClient, site: Site, storage: str = "") -> tuple[Reviewed, ...]:
    """Return every privilege that we use, and whether our token holds it."""
    needs = (*NEEDS, *INJECTION_NEEDS)
    paths = {need.place: _path(need.place, site, storage) for need in needs}
    held = dict(
        zip(paths, await asyncio.gather(*(_held(client, p) for p in paths.values())), strict=True)
    )
    return tuple(
        Reviewed(Missing(need, paths[need.place]), need.privilege in held[need.place])
        for need in needs
    )


async def sees_guests(client: ProxmoxClient, site: Site) -> bool:
    """Tell whether our token may see the guests: without that their list is empty, not refused."""
    return "VM.Audit" in await _held(client, _path(_GUEST, site, ""))


def lacking(missing: tuple[Missing, ...], feature: str) -> str:
    """Return what a feature lacks in words, or nothing when it may work."""
    told = [str(one) for one in missing if feature in one.need.features]
    return "The token lacks " + ", ".join(told) if told else ""


def roles() -> dict[str, str]:
    """Return the roles that we need, with their privileges."""
    apart = {"Sys.Modify"}
    return {
        ROLE: ",".join(sorted({need.privilege for need in NEEDS} - apart)),
        NETWORKS_ROLE: ",".join(sorted(apart)),
        AUDIT_ROLE: "Sys.Audit",
        CONSOLE_ROLE: "VM.Console",
        USERS_ROLE: ",".join(need.privilege for need in INJECTION_NEEDS),
    }


async def create_roles(admin: ProxmoxClient) -> None:
    """Create or correct the roles, with an administrator's session; twice is fine."""
    for role, held in roles().items():
        try:
            await admin.call(calls.ROLE_CREATE, "create a role", {"roleid": role, "privs": held})
        except errors.ExistsError:
            form = {"privs": held}
            await admin.call(calls.ROLE_UPDATE, "correct a role", form, roleid=role)


async def grant(admin: ProxmoxClient, user: str, site: Site, *, networks: bool = False) -> None:
    """Give a user what its token needs; the token itself must not separate privileges.

    With a pool, the templates have to be in it. ``networks`` adds bridges of our own, which
    Proxmox ties to the right to change much else on a node.
    """
    places = (_guests(site), "/storage", "/sdn/zones/localnetwork", "/nodes")
    granted = [(place, ROLE) for place in places]
    granted += [(_path(place, site, ""), USERS_ROLE) for place in (_GROUP, _REALM)]
    granted += [("/nodes", NETWORKS_ROLE)] if networks else []
    if not site.pool:
        granted.append(("/pool", ROLE))
    for path, role in granted:
        await _grant(admin, user, path, role, inherited=True)
    # What is granted at the root is not for everything below it.
    await _grant(admin, user, "/", AUDIT_ROLE, inherited=False)


async def _grant(
    admin: ProxmoxClient, user: str, path: str, role: str, *, inherited: bool
) -> None:
    form: dict[str, Param] = {"path": path, "roles": role, "users": user, "propagate": inherited}
    await admin.call(calls.ACL_UPDATE, "grant a role", form)


async def _held(client: ProxmoxClient, path: str) -> set[str]:
    answer = await client.call(calls.PERMISSIONS, "show its permissions", {"path": path})
    # The number beside a privilege says whether it is inherited, not whether it is held.
    return {name for held in table(answer).values() for name in table(held)}


def _guests(site: Site) -> str:
    return f"/pool/{site.pool}" if site.pool else "/vms"


def _path(place: str, site: Site, storage: str) -> str:
    if place == _GUEST:
        return f"/pool/{site.pool}" if site.pool else f"/vms/{site.vmids[0]}"
    return {
        _POOL: f"/pool/{site.pool}" if site.pool else "/pool",
        _STORE: f"/storage/{storage or site.storage}".rstrip("/"),
        _NET: f"/sdn/zones/localnetwork/{site.bridge}",
        _NODE: "/nodes",
        _ROOT: "/",
        _GROUP: f"/access/groups/{CONSOLE_GROUP}",
        _REALM: "/access/realm/pve",
    }[place]
