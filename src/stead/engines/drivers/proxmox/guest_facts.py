"""What a survey finds out about single guests: addresses, snapshots, backups."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, mapping
from stead.engines.drivers.proxmox.client import Json, number, rows
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.values import GuestFacts, GuestKind, GuestState

# A node, and the line of one of its storages.
Listed: TypeAlias = tuple[str, Mapping[str, Json]]


async def gather(engine: Engine, found: Found, taken: Mapping[int, int] | None) -> GuestFacts:
    """Return what is to be said of a guest; ``taken`` is when each was last backed up."""
    known, container = bool(found.config), found.kind is GuestKind.CONTAINER
    state = mapping.state(str(found.row.get("status", "")), found)
    running = state is GuestState.RUNNING and container
    return GuestFacts(
        guest=mapping.guest(found, state),
        addresses=await _addresses(engine, found) if running else (),
        privileged=not number(found.config.get("unprivileged")) if known and container else None,
        nested="nesting=1" in str(found.config.get("features")) if known and container else None,
        backups_known=taken is not None,
        newest_backup=_moment((taken or {}).get(found.vmid)),
        snapshots_known=known,
        oldest_snapshot=await _oldest_snapshot(engine, found),
    )


async def backups(
    engine: Engine, storages: list[Listed], unseen: list[str]
) -> dict[int, int] | None:
    """Return when each guest was last backed up; None when that cannot be known."""
    newest: dict[int, int] = {}
    asked: set[tuple[str, str]] = set()
    for node, row in storages:
        name, on = str(row.get("storage")), number(row.get("enabled"), 1)
        where = (name, "" if number(row.get("shared")) else node)
        if where in asked or not on or "backup" not in str(row.get("content")).split(","):
            continue
        asked.add(where)
        try:
            answer = await engine.client.call(
                calls.STORAGE_CONTENT,
                "list its backups",
                {"content": "backup"},
                node=node,
                storage=name,
            )
        except errors.EngineError:
            unseen.append(f"the backups on {name}")
            return None
        for one in rows(answer):
            vmid = number(one.get("vmid"))
            newest[vmid] = max(newest.get(vmid, 0), number(one.get("ctime")))
    return newest if asked else None


async def _addresses(engine: Engine, found: Found) -> tuple[str, ...]:
    """Return the addresses that a running container took, unless they were set for it."""
    if mapping.addresses(found):
        return ()
    try:
        answer = await engine.client.call(
            calls.CT_INTERFACES, "look up its addresses", node=found.node, vmid=found.vmid
        )
    except errors.EngineError:
        return ()
    cards = [row for row in rows(answer) if row.get("name") != "lo"]
    told = (str(row.get("inet") or "").partition("/")[0] for row in cards)
    return tuple(one for one in told if one)


async def _oldest_snapshot(engine: Engine, found: Found) -> datetime | None:
    if not found.config.get("parent"):
        return None
    call = BY_KIND[found.kind].snapshots
    try:
        answer = await engine.client.call(
            call, "list its snapshots", node=found.node, vmid=found.vmid
        )
    except errors.EngineError:
        return None
    taken = [number(row.get("snaptime")) for row in rows(answer) if row.get("snaptime")]
    return _moment(min(taken, default=None))


def _moment(seconds: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, OSError, ValueError):
        return None
