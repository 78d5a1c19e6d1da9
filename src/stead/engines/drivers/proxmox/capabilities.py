"""What a cluster can do with one of its storages, from what it tells and what we may."""

import asyncio
from typing import Final

from stead.engines import errors
from stead.engines.capabilities import Ability, Capabilities, Capability, limited, no, yes
from stead.engines.drivers.proxmox import access, calls, placing
from stead.engines.drivers.proxmox.access import Missing
from stead.engines.drivers.proxmox.client import number, rows, table
from stead.engines.drivers.proxmox.engine import Engine

_OLDEST: Final = 8
# Kinds of storage on which a container's disk can be frozen, or shared with its template.
_SNAPSHOTS: Final = frozenset({"btrfs", "lvmthin", "rbd", "zfspool"})

_AGENT: Final = "in a virtual machine it takes VM.Monitor, which is not asked for"
_FIXED: Final = (
    limited(Ability.CONFINEMENT, "Containers share one range of users on their host"),
    yes(Ability.CPU_LIMIT),
    yes(Ability.MEMORY_LIMIT),
    no(Ability.PROCESS_LIMIT, "Proxmox has no setting for the number of processes"),
    no(Ability.NEIGHBOUR_ISOLATION, "Guests on one bridge reach each other"),
    no(Ability.PROJECT_ISOLATION, "Projects share the bridges that an administrator made"),
    no(Ability.FILES, f"Proxmox has no access to the files of a container; {_AGENT}"),
    no(Ability.EXEC, f"Proxmox has no way of running a program in a container; {_AGENT}"),
    no(Ability.CONSOLE, "Consoles ask for a password that guests here do not have"),
    no(Ability.BACKUPS, "Proxmox keeps backups on its own storages and does not hand them out"),
    no(Ability.EVACUATION, "Proxmox empties nodes through its HA manager, which is left to it"),
    no(Ability.EVENTS, "Proxmox tells nothing by itself; it is asked every few seconds"),
)
_MACHINES: Final = (
    "Clones of templates with a cloud-init drive; checked against schema and recordings only"
)
_LIMITS: Final = {
    Ability.METRICS: "Processor time is summed up from the load at each question",
    Ability.RESIZE: "A running virtual machine takes cores and memory at its next start",
    Ability.BOOT_LOG: "Only the log of the start; Proxmox keeps nothing of a guest's console",
}


async def record(engine: Engine, pool: str) -> Capabilities:
    """Return the record for a storage, the default one if none is named. Raises NotFound."""
    unfit = await too_old(engine)
    storage, kind, without = await _chosen(engine, pool)
    missing, filters = await asyncio.gather(
        access.check(engine.client, engine.site, storage), _filters(engine)
    )
    entries = [
        *_FIXED,
        _judge(Ability.CONTAINERS, missing, unfit or without),
        _machines(missing, unfit),
        _judge(Ability.NESTING, missing, unfit),
        _judge(Ability.DISK_LIMIT, (), without),
        filters
        if not access.lacking(missing, access.FENCE)
        else _judge(Ability.ADDRESS_FILTER, missing, ""),
        _judge(Ability.SNAPSHOTS, missing, without or _frozen(storage, kind)),
        _judge(Ability.RESIZE, missing, ""),
        _judge(Ability.CLONE, missing, ""),
        _judge(Ability.IMAGES, missing, ""),
        _judge(Ability.METRICS, missing, ""),
        _judge(Ability.BOOT_LOG, (), ""),
        _networks(missing),
    ]
    return Capabilities(tuple(entries), pool=storage)


async def too_old(engine: Engine) -> str:
    """Return why this version of Proxmox is not supported, or nothing when it is."""
    version = table(await engine.client.call(calls.VERSION, "describe itself"))
    release = number(str(version.get("version", "0")).partition(".")[0])
    return "" if release >= _OLDEST else f"Proxmox VE {release} is older than {_OLDEST}"


def _judge(ability: Ability, missing: tuple[Missing, ...], reason: str) -> Capability:
    against = reason or access.lacking(missing, ability)
    if against:
        return no(ability, against)
    return limited(ability, _LIMITS[ability]) if ability in _LIMITS else yes(ability)


def _machines(missing: tuple[Missing, ...], unfit: str) -> Capability:
    """Return what is to be said of virtual machines; they need no more than containers do."""
    against = unfit or access.lacking(missing, Ability.CONTAINERS)
    return no(Ability.VMS, against) if against else limited(Ability.VMS, _MACHINES)


def _networks(missing: tuple[Missing, ...]) -> Capability:
    lacking = access.lacking(missing, Ability.NETWORKS)
    if lacking:
        return limited(Ability.NETWORKS, f"Only bridges that are there already. {lacking}")
    return limited(Ability.NETWORKS, "Bridges of our own; what they lead to is not ours to set up")


def _frozen(storage: str, kind: str) -> str:
    if kind in _SNAPSHOTS:
        return ""
    return f"The storage {storage} is of kind {kind}, which cannot take snapshots of containers"


async def _chosen(engine: Engine, pool: str) -> tuple[str, str, str]:
    """Return the storage, its kind, and why there is none; for a named one that is a failure."""
    try:
        return (*await _storage(engine, pool or engine.site.storage), "")
    except (errors.NotFoundError, errors.ConflictError) as error:
        if pool:
            raise
        return engine.site.storage, "", error.message


async def _storage(engine: Engine, wanted: str) -> tuple[str, str]:
    kinds: dict[str, str] = {}
    node = (await placing.online_nodes(engine.client, engine.site))[0]
    answer = await engine.client.call(calls.STORAGES, "list its storages", node=node)
    for row in rows(answer):
        kinds[str(row.get("storage"))] = str(row.get("type", ""))
    if wanted and wanted not in kinds:
        raise errors.NotFoundError(f"This cluster has no storage {wanted} that we may see")
    if not wanted:
        with_room = await placing.disk_storage(engine.client, node, "")
        return with_room, kinds.get(with_room, "")
    return wanted, kinds[wanted]


async def is_fenced(engine: Engine, missing: tuple[Missing, ...]) -> bool:
    """Tell whether guests can use no MAC and no address but their own."""
    return not access.lacking(missing, access.FENCE) and (await _filters(engine)).usable


async def _filters(engine: Engine) -> Capability:
    if not engine.site.filtered:
        return no(Ability.ADDRESS_FILTER, "Filtering is switched off for this cluster")
    try:
        options = table(await engine.client.call(calls.DC_FW_OPTIONS, "show its firewall"))
    except errors.ForbiddenError:
        return no(Ability.ADDRESS_FILTER, "The token lacks Sys.Audit on /")
    if number(options.get("enable")):
        return yes(Ability.ADDRESS_FILTER)
    return no(Ability.ADDRESS_FILTER, "The firewall of the datacenter is switched off")
