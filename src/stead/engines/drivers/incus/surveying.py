"""A map of an Incus server, as far as our certificate shows it, made by asking only."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Final
from urllib.parse import urlsplit

from stead.engines import errors, trust
from stead.engines.drivers.incus import mapping, members
from stead.engines.drivers.incus.client import IncusClient, Json
from stead.engines.drivers.incus.examining import examine, too_old
from stead.engines.drivers.incus.ground import Ground, rows, table
from stead.engines.drivers.incus.members import Member
from stead.engines.values import (
    Checked,
    GuestFacts,
    GuestState,
    NodeFacts,
    StorageFacts,
    Survey,
    Topic,
)

_GIB: Final = 2**30
_MIB: Final = 2**20
_PORT: Final = 8443
_LOOPBACK: Final = ("127.", "[::1]", "localhost:", "unix:", "@")
# Devices of the host itself, and settings that go around Incus's own rules.
_HOSTS_OWN: Final = frozenset(("unix-char", "unix-block", "unix-hotplug", "usb", "gpu", "pci"))
# Kinds of storage that all members of a cluster have in common.
_SHARED: Final = frozenset(("ceph", "cephfs", "cephobject", "lvmcluster", "linstor"))
_RAW: Final = ("raw.lxc", "raw.idmap", "raw.apparmor", "raw.seccomp")


class Surveying(Ground):
    """Looks at everything that it may see, changes nothing."""

    async def survey(self) -> Survey:
        server = table(await self._client.get("", "describe itself"))
        environment = table(server.get("environment"))
        found = rows(await self._client.get("/instances", "list instances", recursion="2"))
        unseen: list[str] = []
        pools = {self._pool, *(pool for row in found if (pool := _root_pool(row)))}
        nodes = await _nodes(self._client, environment, unseen)
        clustered = environment.get("server_clustered") is True
        where = {
            one.name: {"target": one.name} if clustered else {} for one in nodes if one.online
        }
        return Survey(
            nodes=nodes,
            storages=await _storages(self._client, where, sorted(pools), unseen),
            guests=tuple(facts(row) for row in found),
            unsupported=too_old(environment),
            certificate_expires_at=await _expires(self._client),
            unseen=tuple(unseen),
        )

    async def examine(self, topic: Topic) -> tuple[Checked, ...]:
        return await examine(self._client, self._pool, topic)


def facts(row: Mapping[str, Json]) -> GuestFacts:
    """Return what is to be said of a guest, with what its profiles give it."""
    settings = table(row.get("expanded_config"))
    devices = [table(one) for one in table(row.get("expanded_devices")).values()]
    snapshots = [_moment(one.get("created_at")) for one in rows(row.get("snapshots"))]
    guest = mapping.guest(row)
    running = guest.state is GuestState.RUNNING and not guest.addresses
    return GuestFacts(
        guest=guest,
        addresses=_addresses(table(row.get("state"))) if running else (),
        privileged=_is_on(settings, "security.privileged"),
        nested=_is_on(settings, "security.nesting"),
        exposed=tuple(listens for one in devices if (listens := _listens(one))),
        host_access=any(map(_reaches_host, devices)) or any(settings.get(one) for one in _RAW),
        snapshots_known=True,
        oldest_snapshot=min((one for one in snapshots if one is not None), default=None),
    )


async def _nodes(
    client: IncusClient, environment: Mapping[str, Json], unseen: list[str]
) -> tuple[NodeFacts, ...]:
    if environment.get("server_clustered") is not True:
        name = str(environment.get("server_name", ""))
        return (await _node(client, name, unseen),)
    try:
        listed = await members.listed(client)
    except errors.EngineError:
        unseen.append("the members of its cluster")
        return ()
    return tuple([await _member(client, one, unseen) for one in listed])


async def _member(client: IncusClient, member: Member, unseen: list[str]) -> NodeFacts:
    about = NodeFacts(member.name, online=False)
    if member.online:
        about = await _node(client, member.name, unseen, member=True)
    return replace(about, evacuated=member.evacuated, domain=member.domain)


async def _node(
    client: IncusClient, name: str, unseen: list[str], *, member: bool = False
) -> NodeFacts:
    target = {"target": name} if member else {}
    try:
        has = table(await client.get("/resources", "say what it has", **target))
    except errors.EngineError:
        unseen.append(f"the processors and memory of {name}")
        return NodeFacts(name, online=True)
    memory = table(has.get("memory"))
    return NodeFacts(
        name=name,
        online=True,
        cores=_told(table(has.get("cpu")).get("total")),
        memory_mb=_told(memory.get("total"), _MIB),
        memory_used_mb=_told(memory.get("used"), _MIB),
    )


async def _storages(
    client: IncusClient,
    where: Mapping[str, Mapping[str, str]],
    pools: Iterable[str],
    unseen: list[str],
) -> tuple[StorageFacts, ...]:
    """Return the pools that matter to us: a restricted certificate may not list them all."""
    found = []
    for pool, (node, target) in product(pools, where.items()):
        try:
            told = table(await client.get(f"/storage-pools/{pool}", "show its storage"))
            path = f"/storage-pools/{pool}/resources"
            answer = await client.get(path, "measure its storage", **target)
            space = table(table(answer).get("space"))
        except errors.EngineError:
            unseen.append(f"the storage pool {pool}" + (f" on {node}" if target else ""))
            continue
        usable = told.get("status", "Created") == "Created"
        kind, total, used = str(told.get("driver", "")), space.get("total"), space.get("used")
        found.append(
            StorageFacts(
                name=pool,
                node=node,
                kind=kind,
                usable=usable,
                shared=kind in _SHARED,
                needed=True,
                total_gb=_told(total, _GIB) if usable else None,
                used_gb=_told(used, _GIB) if usable else None,
            )
        )
    return tuple(found)


async def _expires(client: IncusClient) -> datetime | None:
    parts = urlsplit(client.url)
    try:
        return (await trust.shown(parts.hostname or "", parts.port or _PORT)).expires_at
    except errors.UnreachableError:
        return None


def _root_pool(row: Mapping[str, Json]) -> str:
    devices = [table(one) for one in table(row.get("expanded_devices")).values()]
    roots = (one for one in devices if one.get("type") == "disk" and one.get("path") == "/")
    return next((str(one.get("pool", "")) for one in roots), "")


def _addresses(state: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the addresses that a guest took, without those that hold on one link only."""
    cards = [table(one) for name, one in table(state.get("network")).items() if name != "lo"]
    return tuple(
        str(one.get("address", ""))
        for card in cards
        for one in rows(card.get("addresses"))
        if one.get("scope") == "global" and one.get("address")
    )


def _listens(device: Mapping[str, Json]) -> str:
    """Return where a guest is reached through its host, unless only the host itself can."""
    if device.get("type") != "proxy" or device.get("bind", "host") not in {"host", ""}:
        return ""
    protocol, _, where = str(device.get("listen", "")).partition(":")
    return "" if protocol == "unix" or where.startswith(_LOOPBACK) else where[:80]


def _reaches_host(device: Mapping[str, Json]) -> bool:
    kind = device.get("type")
    folder = kind == "disk" and not device.get("pool") and str(device.get("source", ""))[:1] == "/"
    physical = kind == "nic" and device.get("nictype") == "physical"
    return folder or physical or kind in _HOSTS_OWN


def _is_on(settings: Mapping[str, Json], name: str) -> bool:
    return str(settings.get(name, "")).lower() in {"true", "1", "yes", "on"}


def _moment(value: Json) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value)[:19] + "+00:00")
    except ValueError:
        return None
    return found if found.year > 1 else None


def _told(value: Json, unit: int = 1) -> int | None:
    return value // unit if isinstance(value, int) and value >= 0 else None
