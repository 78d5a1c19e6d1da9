"""A test of a cluster, one topic at a time: what is there, and what does not work without it."""

from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import access, calls, capabilities, placing
from stead.engines.drivers.proxmox.client import number, rows, table
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.values import Checked, Topic
from stead.kit import clock

_APART_SECONDS: Final = 60


async def examine(engine: Engine, topic: Topic) -> tuple[Checked, ...]:
    """Return what a test of one topic found, the good and the bad."""
    about = {
        Topic.VERSION: _version,
        Topic.RIGHTS: _rights,
        Topic.STORAGES: _storages,
        Topic.NETWORKS: _networks,
        Topic.CLOCK: _clocks,
    }
    return await about[topic](engine)


async def _version(engine: Engine) -> tuple[Checked, ...]:
    told = table(await engine.client.call(calls.VERSION, "describe itself"))
    old = await capabilities.too_old(engine)
    name = f"Proxmox VE {told.get('version', 'of no known version')}"
    return (Checked(Topic.VERSION, name, not old, old, ("everything",), "Upgrade Proxmox"),)


async def _rights(engine: Engine) -> tuple[Checked, ...]:
    held = await access.review(engine.client, engine.site)
    return tuple(
        Checked(
            topic=Topic.RIGHTS,
            name=str(one.missing),
            ok=one.held,
            disables=tuple(str(each) for each in one.missing.need.features),
            fix=f"Give the token's user a role with {one.missing} in Proxmox",
        )
        for one in held
    )


async def _storages(engine: Engine) -> tuple[Checked, ...]:
    wanted, found = engine.site.storage, []
    for node in await placing.online_nodes(engine.client, engine.site):
        answer = rows(await engine.client.call(calls.STORAGES, "list its storages", node=node))
        names = [str(row.get("storage")) for row in answer]
        for row in answer:
            on = bool(number(row.get("enabled"), 1) and number(row.get("active"), 1))
            name = f"{row.get('storage')} on {node}"
            needed = wanted in {"", str(row.get("storage"))}
            text = f"{row.get('type')}, holds {row.get('content')}"
            if on or needed:
                found.append(Checked(Topic.STORAGES, name, on, text, ("containers",), _ENABLE))
        if wanted and wanted not in names:
            name = f"{wanted} on {node}"
            found.append(Checked(Topic.STORAGES, name, False, "not there", ("containers",), _SEE))
    return tuple(found)


_ENABLE: Final = "Enable the storage in Proxmox, or choose another one"
_SEE: Final = "Create it, or give the token Datastore.Audit on it"


async def _networks(engine: Engine) -> tuple[Checked, ...]:
    wanted, found = engine.site.bridge, []
    for node in await placing.online_nodes(engine.client, engine.site):
        answer = rows(await engine.client.call(calls.NETWORK, "list its networks", node=node))
        bridges = {
            str(row.get("iface")): row for row in answer if "ridge" in str(row.get("type", ""))
        }
        there = wanted in bridges
        text = str(bridges[wanted].get("cidr") or "no address") if there else "not there for us"
        fix = "Create it, or give the token SDN.Use on it"
        name = f"{wanted} on {node}"
        found.append(Checked(Topic.NETWORKS, name, there, text, ("containers",), fix))
    return tuple(found)


async def _clocks(engine: Engine) -> tuple[Checked, ...]:
    found = []
    for node in await placing.online_nodes(engine.client, engine.site):
        try:
            told = table(await engine.client.call(calls.NODE_TIME, "tell the time", node=node))
        except errors.ForbiddenError as error:
            found.append(Checked(Topic.CLOCK, node, False, error.message, (), error.hint))
            continue
        apart = abs(number(told.get("time")) - clock.utc_now().timestamp())
        text = f"{apart:.0f} s from this server's"
        fix = "Let both follow the same time servers"
        ok = apart <= _APART_SECONDS
        found.append(Checked(Topic.CLOCK, node, ok, text, ("ages of snapshots",), fix))
    return tuple(found)
