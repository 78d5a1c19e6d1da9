"""Pools: groups of guests and storages with permissions of their own."""

from typing import Any

from tests.proxmox import guests
from tests.proxmox.api import storage_rows
from tests.proxmox.call import Call, RefusedError, died, forbidden, serves
from tests.proxmox.formats import split_list
from tests.proxmox.world import Pool


@serves("GET /pools")
async def pools(call: Call) -> object:
    """List the pools, or one with its members."""
    if call.get("poolid"):
        call.need(f"/pool/{call['poolid']}", "Pool.Audit")
        return [_full(call)]
    return [
        {"poolid": name} | ({"comment": pool.comment} if pool.comment else {})
        for name, pool in call.world.pools.items()
        if call.may(f"/pool/{name}", "Pool.Audit")
    ]


@serves("GET /pools/{poolid}")
async def pool(call: Call) -> object:
    return _full(call)


def _full(call: Call) -> dict[str, Any]:
    found = _pool(call)
    wanted = call.get("type")
    rows: list[dict[str, Any]] = []
    for vmid in sorted(found.vms):
        guest = call.world.find_guest(vmid)
        if guest and wanted in {None, guest.kind}:
            row = guests.resource(call.world, guest)
            row.pop("pool", None)
            rows.append(row)
    if wanted in {None, "storage"}:
        for name in sorted(found.storages & set(call.world.storages)):
            rows += storage_rows.resources(call.world, name)
    head = {"comment": found.comment} if found.comment else {}
    return {**head, "poolid": call["poolid"], "members": rows}


def _pool(call: Call, doing: str = "") -> Pool:
    if call["poolid"] not in call.world.pools:
        raise died(f"{doing}pool '{call['poolid']}' does not exist")
    return call.world.pools[call["poolid"]]


@serves("POST /pools")
async def create(call: Call) -> object:
    await call.world.cluster_write("create pool")
    name = call["poolid"]
    if name in call.world.pools:
        raise died(f"create pool failed: pool '{name}' already exists")
    parent = name.rpartition("/")[0]
    if parent and parent not in call.world.pools:
        raise died(f"create pool failed: parent '{parent}' of pool '{name}' does not exist")
    call.world.pools[name] = Pool(str(call.get("comment", "")))
    return None


@serves("PUT /pools", "PUT /pools/{poolid}")
async def update(call: Call) -> object:
    """Add, move or take members; ids of nothing are taken as they come."""
    await call.world.cluster_write("update pools")
    found = _pool(call)
    if "comment" in call.params:
        found.comment = call["comment"]
    try:
        for vmid in split_list(str(call.get("vms", ""))):
            _vm(call, found, int(vmid))
        for name in split_list(str(call.get("storage", ""))):
            _storage(call, found, name)
    except RefusedError as refused:
        prefix = "403 " if refused.status == forbidden().status else ""
        raise died(f"update pools failed: {prefix}{refused.reason}") from refused
    return None


def _vm(call: Call, found: Pool, vmid: int) -> None:
    call.need(f"/vms/{vmid}", "Permissions.Modify", "VM.Allocate")
    if call.get("delete"):
        if vmid not in found.vms:
            raise died(f"VM {vmid} is not a pool member")
        call.world.leave_pools(vmid)
        return
    if vmid in found.vms:
        raise died(f"VM {vmid} is already a pool member")
    owner = call.world.pool_of(vmid)
    if owner and not call.get("allow-move"):
        raise died(f"VM {vmid} belongs already to pool '{owner}' and 'allow-move' is not set")
    call.world.leave_pools(vmid)
    call.world.join_pool(call["poolid"], vmid)


def _storage(call: Call, found: Pool, name: str) -> None:
    call.need(f"/storage/{name}", "Permissions.Modify", "Datastore.Allocate")
    if call.get("delete"):
        if name not in found.storages:
            raise died(f"Storage '{name}' is not a pool member")
        found.storages.discard(name)
    elif name in found.storages:
        raise died(f"Storage '{name}' is already a pool member")
    else:
        found.storages.add(name)


@serves("DELETE /pools", "DELETE /pools/{poolid}")
async def delete(call: Call) -> object:
    await call.world.cluster_write("delete pool")
    name, doing = call["poolid"], "delete pool failed: "
    found = _pool(call, doing)
    inner = next((one for one in call.world.pools if one.startswith(f"{name}/")), "")
    if inner:
        raise died(f"{doing}pool '{name}' is not empty (contains pool '{inner}')")
    guests_in = sorted(vmid for vmid in found.vms if call.world.find_guest(vmid))
    if guests_in:
        raise died(f"{doing}pool '{name}' is not empty (contains VM {guests_in[0]})")
    storages = sorted(found.storages & set(call.world.storages))
    if storages:
        raise died(f"{doing}pool '{name}' is not empty (contains storage '{storages[0]}')")
    del call.world.pools[name]
    call.world.access.drop(path=f"/pool/{name}")
    return None
