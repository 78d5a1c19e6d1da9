"""A map of a cluster and a test of it, made by asking only."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from stead.engines import errors, trust
from stead.engines.drivers.proxmox import calls, capabilities, examining, guest_facts, mapping
from stead.engines.drivers.proxmox.client import Json, number, rows
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.guest_facts import Listed
from stead.engines.drivers.proxmox.part import Part
from stead.engines.values import Checked, NodeFacts, StorageFacts, Survey, Topic

_GIB: Final = 2**30
_MIB: Final = 2**20
_PORT: Final = 8006


class SurveyCalls(Part):
    """Looks at everything, changes nothing."""

    async def survey(self) -> Survey:
        unseen: list[str] = []
        nodes = await _nodes(self.engine)
        listed = await _storages(self.engine, [one.name for one in nodes if one.online], unseen)
        seen = [f for f in await self.engine.directory.survey() if not mapping.is_image(f)]
        found = await asyncio.gather(*map(self.engine.directory.known, seen))
        needed = {self.engine.site.storage, *(one.storage for one in found)}
        storages = [_storage(node, row, needed) for node, row in listed]
        backups = await guest_facts.backups(self.engine, listed, unseen)
        guests = await asyncio.gather(
            *(guest_facts.gather(self.engine, one, backups) for one in found)
        )
        return Survey(
            nodes=nodes,
            storages=tuple(sorted(storages, key=lambda one: (one.name, one.node))),
            guests=tuple(guests),
            quorate=await _quorate(self.engine, unseen),
            unsupported=await capabilities.too_old(self.engine),
            certificate_expires_at=await _expires(self.engine),
            unseen=tuple(unseen),
        )

    async def examine(self, topic: Topic) -> tuple[Checked, ...]:
        return await examining.examine(self.engine, topic)


async def _nodes(engine: Engine) -> tuple[NodeFacts, ...]:
    listed = rows(await engine.client.call(calls.NODES, "list its nodes"))
    return tuple(
        NodeFacts(
            name=str(row.get("node", "")),
            online=row.get("status", "online") == "online",
            cores=_told(row.get("maxcpu")),
            memory_mb=_told(row.get("maxmem"), _MIB),
            memory_used_mb=_told(row.get("mem"), _MIB),
        )
        for row in sorted(listed, key=lambda row: str(row.get("node")))
    )


async def _storages(engine: Engine, nodes: list[str], unseen: list[str]) -> list[Listed]:
    found: list[Listed] = []
    for node in nodes:
        try:
            answer = await engine.client.call(calls.STORAGES, "list its storages", node=node)
        except errors.EngineError:
            unseen.append(f"the storages of {node}")
            continue
        found += [(node, row) for row in rows(answer)]
    return found


def _storage(node: str, row: Mapping[str, Json], needed: set[str]) -> StorageFacts:
    name = str(row.get("storage", ""))
    usable = bool(number(row.get("enabled"), 1) and number(row.get("active"), 1))
    return StorageFacts(
        name=name,
        node=node,
        kind=str(row.get("type", "")),
        usable=usable,
        shared=bool(number(row.get("shared"))),
        needed=name in needed,
        total_gb=_told(row.get("total"), _GIB) if usable else None,
        used_gb=_told(row.get("used"), _GIB) if usable else None,
    )


async def _quorate(engine: Engine, unseen: list[str]) -> bool | None:
    try:
        status = rows(await engine.client.call(calls.CLUSTER_STATUS, "check its quorum"))
    except errors.ForbiddenError:
        unseen.append("whether it has a quorum")
        return None
    cluster = [row for row in status if row.get("type") == "cluster"]
    return all(bool(number(row.get("quorate"))) for row in cluster)


async def _expires(engine: Engine) -> datetime | None:
    parts = urlsplit(str(engine.client.http.base_url))
    try:
        return (await trust.shown(parts.hostname or "", parts.port or _PORT)).expires_at
    except errors.UnreachableError:
        return None


def _told(value: Json, unit: int = 1) -> int | None:
    return number(value) // unit if value is not None else None
