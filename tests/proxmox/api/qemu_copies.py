"""What is copied and kept of virtual machines: snapshots, templates, clones, their end.

The locks of a machine's file are those of its containers' neighbours, under another path; several
clones of one source may be made at once, which containers do not allow.
"""

import copy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.proxmox import volumes
from tests.proxmox.api import lxc_clone, lxc_disk, qemu
from tests.proxmox.call import Call, RefusedError, died, forbidden, serves
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, Volume, World

NOT_CLONED = {"lock", "parent", "template", "meta", "vmgenid"}
CLOUD_INIT = 4 * 1024**2


def find(call: Call) -> Guest:
    return call.world.guest(call["node"], "qemu", call["vmid"])


def check_lock(guest: Guest) -> None:
    if guest.lock:
        raise died(f"VM is locked ({guest.lock})")


@asynccontextmanager
async def locked(job: Job, guest: Guest, lock: str) -> AsyncIterator[None]:
    """Hold a machine's file, and show what for, as everybody else sees it."""
    async with job.locked(guest.vmid, "qemu"):
        check_lock(guest)
        if lock:
            guest.config["lock"] = lock
        try:
            yield
        finally:
            if guest.lock == lock:
                guest.config.pop("lock", None)


@serves("POST /nodes/{node}/qemu/{vmid}/snapshot")
async def snapshot(call: Call) -> object:
    guest, name = find(call), call["snapname"]
    if name in {"current", "pending"}:
        raise died(f"unable to use snapshot name '{name}' (reserved name)")

    async def work(job: Job) -> None:
        async with locked(job, guest, "snapshot"):
            await job.take(call.world.settings.snapshot)
            lxc_disk.check_snapshot(call.world, guest, name)
            lxc_disk.keep(call.world, guest, name, str(call.get("description", "")))
            if call.get("vmstate") and guest.running:
                guest.snapshots[name].config["vmstate"] = f"local:{guest.vmid}/vm-state-{name}.raw"

    return spawn(call.world, call["node"], "qmsnapshot", guest.vmid, call.who, work)


@serves("GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
async def snapshot_index(call: Call) -> object:
    return [{"cmd": "rollback"}, {"cmd": "config"}]


def _known(guest: Guest, name: str) -> None:
    if name not in guest.snapshots:
        raise TaskFailed(f"snapshot '{name}' does not exist")


@serves("DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
async def delete_snapshot(call: Call) -> object:
    guest = find(call)

    async def work(job: Job) -> None:
        _known(guest, call["snapname"])
        async with locked(job, guest, "snapshot-delete"):
            await job.take(call.world.settings.snapshot)
            lxc_disk.discard(guest, call["snapname"])

    return spawn(call.world, call["node"], "qmdelsnapshot", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback")
async def rollback(call: Call) -> object:
    guest = find(call)

    async def work(job: Job) -> None:
        _known(guest, call["snapname"])
        async with locked(job, guest, "rollback"):
            await job.take(call.world.settings.rollback)
            guest.running, guest.pid = False, 0
        kept = guest.snapshots[call["snapname"]]
        guest.config = {**copy.copy(kept.config), "parent": call["snapname"]}
        guest.config.pop("vmstate", None)
        guest.files = dict(kept.files)
        guest.pending, guest.dropped = {}, set()

    return spawn(call.world, call["node"], "qmrollback", guest.vmid, call.who, work)


@serves("GET /nodes/{node}/qemu/{vmid}/feature")
async def feature(call: Call) -> object:
    guest = find(call)
    fine = call["feature"] != "snapshot" or volumes.can_snapshot(call.world, guest)
    return {"hasFeature": int(fine), "nodes": list(call.world.nodes) if fine else []}


@serves("POST /nodes/{node}/qemu/{vmid}/template")
async def template(call: Call) -> object:
    guest = find(call)
    if guest.template:
        raise died("you can't convert a template to a template")
    if guest.snapshots:
        raise died("unable to create template, because VM contains snapshots")
    if guest.running:
        raise died("you can't convert a VM to template if VM is running")

    async def work(job: Job) -> None:
        async with locked(job, guest, ""):
            await job.take(call.world.settings.quick)
            for key, volume in _own_disks(guest).items():
                base = volumes.as_base(call.world, guest.node, volume)
                guest.config[key] = str(guest.config[key]).replace(volume, base, 1)
            guest.config["template"] = 1

    return spawn(call.world, call["node"], "qmtemplate", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/qemu/{vmid}/clone")
async def clone(call: Call) -> object:
    """Copy a machine or link a clone to a template; a source may have several at once."""
    world, source, newid = call.world, find(call), call["newid"]
    if call.get("pool") and call["pool"] not in world.pools:
        raise forbidden(f"pool '{call['pool']}' does not exist")
    _check_clone(call, source)
    if world.find_guest(newid) is not None:
        raise died(f"unable to create VM {newid}: config file already exists")
    full = bool(call.get("full", not source.template))
    if not full and call.get("storage"):
        raise died("parameter 'storage' not allowed for linked clones")
    made = Guest(newid, "qemu", call["node"], config={"lock": "clone"})
    for key in ("name", "description"):
        # Both are there from the first moment on, as everything else but the disks is.
        if call.get(key):
            made.config[key] = call[key]
    world.guests[call["node"], newid] = made
    if call.get("pool"):
        world.join_pool(call["pool"], newid)

    async def work(job: Job) -> None:
        try:
            await job.take(world.settings.clone_full if full else world.settings.clone_linked)
        except (TaskFailed, RefusedError) as failure:
            lxc_clone.forget(world, made)
            raise TaskFailed(f"clone failed: {failure}") from failure
        made.config = _cloned(call, world, source, made, full=full)
        made.files = dict(source.files)

    return spawn(world, call["node"], "qmclone", source.vmid, call.who, work)


def _check_clone(call: Call, source: Guest) -> None:
    check_lock(source)
    if call.who.root:
        return
    for value in source.config.values():
        bridge = re.search(r"bridge=([^,]+)", str(value))
        if bridge:
            call.need(f"/sdn/zones/localnetwork/{bridge[1]}", "SDN.Use")
    for volume in _own_disks(source).values():
        storage = str(call.get("storage") or volumes.storage_of(volume))
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")


def _own_disks(guest: Guest) -> dict[str, str]:
    """Return the disks, without the drives for cloud-init and images."""
    return {
        key: volume
        for key, volume in volumes.disks(guest).items()
        if "media=cdrom" not in str(guest.config[key])
    }


def _cloned(
    call: Call, world: World, source: Guest, made: Guest, *, full: bool
) -> dict[str, object]:
    config = {
        key: value
        for key, value in source.config.items()
        if key not in NOT_CLONED and not key.startswith("unused")
    }
    for key, volume in _own_disks(source).items():
        storage = str(call.get("storage") or volumes.storage_of(volume))
        size = world.volumes[source.node, volume].size
        suffix = "raw" if full or world.storages[storage].type == "btrfs" else "qcow2"
        copied = volumes.allocate(world, made.node, storage, made.vmid, size, suffix)
        config[key] = str(config[key]).replace(volume, copied, 1)
    for key, value in config.items():
        if "media=cdrom" in str(value) and "cloudinit" in str(value):
            config[key] = _drive(call, world, made, str(value))
    for key in [one for one in config if qemu.NET.fullmatch(one)]:
        config[key] = re.sub(r"=[0-9A-Fa-f:]{17}", f"={world.mac()}", str(config[key]), count=1)
    config["name"] = call.get("name", f"Copy-of-VM-{source.config.get('name', source.vmid)}")
    if call.get("description"):
        config["description"] = call["description"]
    return config


def _drive(call: Call, world: World, made: Guest, value: str) -> str:
    """Give a clone a drive of its own for cloud-init."""
    old = volumes.volume_of(value)
    storage = str(call.get("storage") or volumes.storage_of(old))
    new = f"{storage}:{made.vmid}/vm-{made.vmid}-cloudinit.qcow2"
    world.volumes[made.node, new] = Volume("images", "qcow2", CLOUD_INIT, 0, made.vmid)
    return value.replace(old, new, 1)


@serves("DELETE /nodes/{node}/qemu/{vmid}")
async def destroy(call: Call) -> object:
    guest = find(call)
    if guest.config.get("protection"):
        raise died(f"can't remove VM {guest.vmid} - protection mode enabled")
    if not call.get("skiplock"):
        check_lock(guest)
    if guest.running:
        raise died(f"VM {guest.vmid} is running - destroy failed")

    async def work(job: Job) -> None:
        async with locked(job, guest, ""):
            call.world.guest(call["node"], "qemu", guest.vmid)
            await job.take(call.world.settings.destroy)
            for volume in volumes.disks(guest).values():
                volumes.remove(call.world, guest.node, volume)
            lxc_clone.forget(call.world, guest)

    return spawn(call.world, call["node"], "qmdestroy", guest.vmid, call.who, work)
