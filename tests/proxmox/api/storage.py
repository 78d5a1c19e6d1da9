"""Storages: their definitions, and how full they are."""

import re
from typing import Any

from tests.proxmox.api import storage_rows
from tests.proxmox.call import Call, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.world import Storage, digest

DEFAULT_CONTENT = {"dir": "images,rootdir,vztmpl,iso,backup", "btrfs": "images,rootdir"}
WITH_PATH = {"dir", "btrfs"}
NOT_OPTIONS = {"storage", "type", "content", "delete", "digest"}


@serves("GET /storage")
async def definitions(call: Call) -> object:
    return [
        _definition(call, name)
        for name in call.world.storages
        if call.may(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace")
    ]


def _definition(call: Call, name: str) -> dict[str, Any]:
    one = call.world.storage(name)
    every = {key: [value.content, value.options] for key, value in call.world.storages.items()}
    head = {"storage": name, "type": one.type, "content": one.content, "digest": digest(every)}
    return head | one.options


@serves("GET /storage/{storage}")
async def definition(call: Call) -> object:
    return _definition(call, call["storage"])


@serves("POST /storage")
async def create(call: Call) -> object:
    await call.world.cluster_write("create storage", "file-storage_cfg")
    name, kind = call["storage"], call["type"]
    if name in call.world.storages:
        raise died(f"create storage failed: storage ID '{name}' already defined")
    if kind in WITH_PATH and not call.get("path"):
        raise died("missing value for required option 'path'")
    options = {key: value for key, value in call.params.items() if key not in NOT_OPTIONS}
    content = str(call.get("content", DEFAULT_CONTENT.get(kind, "images,rootdir")))
    call.world.storages[name] = Storage(kind, content, options)
    return {"storage": name, "type": kind}


@serves("PUT /storage/{storage}")
async def update(call: Call) -> object:
    await call.world.cluster_write("update storage", "file-storage_cfg")
    one = call.world.storage(call["storage"])
    for name in split_list(str(call.get("delete", ""))):
        one.options.pop(name, None)
    one.content = str(call.get("content", one.content))
    one.options |= {key: value for key, value in call.params.items() if key not in NOT_OPTIONS}
    return {"storage": call["storage"], "type": one.type}


@serves("DELETE /storage/{storage}")
async def delete(call: Call) -> object:
    await call.world.cluster_write("delete storage", "file-storage_cfg")
    if call["storage"] not in call.world.storages:
        raise died(f"delete storage failed: storage '{call['storage']}' does not exist")
    del call.world.storages[call["storage"]]
    return None


def _usage(call: Call, one: Storage) -> dict[str, Any]:
    total, used = storage_rows.total(call.world, one), storage_rows.used(call.world, one)
    on = not one.disabled
    return {
        "type": one.type,
        "content": one.content,
        "active": int(on),
        "enabled": int(on),
        "shared": int(one.options.get("shared", 0)),
        "total": total if on else 0,
        "used": used if on else 0,
        "avail": total - used if on else 0,
    }


@serves("GET /nodes/{node}/storage")
async def on_node(call: Call) -> object:
    """List the storages that the caller may see, by name, content or state."""
    wanted = call.get("storage")
    if wanted and wanted not in call.world.storages:
        raise invalid(storage="No such storage.")
    contents = split_list(str(call.get("content", "")))
    rows = []
    for name, one in sorted(call.world.storages.items()):
        if wanted not in {None, name} or (contents and not any(map(one.holds, contents))):
            continue
        if call.get("enabled") and one.disabled:
            continue
        if not call.may(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace"):
            continue
        row = {"storage": name, **_usage(call, one)}
        rows.append(row if one.disabled else row | {"used_fraction": row["used"] / row["total"]})
    return rows


@serves("GET /nodes/{node}/storage/{storage}/status")
async def status(call: Call) -> object:
    if call["storage"] not in call.world.storages:
        raise invalid(storage="No such storage.")
    return _usage(call, call.world.storages[call["storage"]])


@serves("GET /nodes/{node}/storage/{storage}/rrddata")
async def numbers(call: Call) -> object:
    one = call.world.storage(call["storage"])
    now = int(call.world.clock.now()) // 60 * 60
    full = {
        "total": storage_rows.total(call.world, one),
        "used": storage_rows.used(call.world, one),
    }
    return [
        {"time": moment} | (full if moment >= now - 300 else {})
        for moment in range(now - 69 * 60, now + 60, 60)
    ]


def kind_of(volid: str) -> str:
    """Return what a volume id says that it is."""
    found = re.match(r"[^:]+:(vztmpl|iso|backup|snippets|import)/", volid)
    return found[1] if found else "disk"
