"""Disks of containers: growing them, snapshots, going back to one."""

import copy
import re

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_config, lxc_power, lxc_rights
from tests.proxmox.call import Call, RefusedError, died, serves
from tests.proxmox.locks import guest_lock
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, Snapshot, World

MISSING = "property is missing and it is not optional"


@serves("PUT /nodes/{node}/lxc/{vmid}/resize")
async def resize(call: Call) -> object:
    """Grow a disk. A running file system may stay as it is although the task ends well."""
    world, disk = call.world, call["disk"]
    guest = world.guest(call["node"], "lxc", call["vmid"])
    lxc_rights.check(call, guest, [disk, "resize"], {})
    if call.get("digest") and call["digest"] != guest.digest:
        raise died(lxc_config.MODIFIED)
    lxc_power.check_lock(guest)
    if disk not in guest.config:
        raise RefusedError(500, "format error", {"volume": MISSING, "mp": MISSING})
    value = str(guest.config[disk])
    volume = volumes.volume_of(value)
    call.need(f"/storage/{volumes.storage_of(volume)}", "Datastore.AllocateSpace")
    old = world.volumes[guest.node, volume].size if (guest.node, volume) in world.volumes else 0
    given = str(call["size"])
    size = guests.size_bytes(given.removeprefix("+")) + (old if given.startswith("+") else 0)
    if size < old:
        raise died("unable to shrink disk size")
    if size == old:
        raise died("disk is already at specified size")

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            lxc_power.check_lock(guest)
            await job.take(world.settings.resize)
            _grow(job, guest, disk, size)

    return spawn(world, call["node"], "resize", guest.vmid, call.who, work)


def _grow(job: Job, guest: Guest, disk: str, size: int) -> None:
    world = job.world
    value = str(guest.config[disk])
    volume = volumes.volume_of(value)
    found = world.volumes[guest.node, volume]
    if found.format == "subvol":
        raise TaskFailed("cannot resize subvolume - btrfs quotas are currently not supported")
    if guest.template or size > world.settings.bigger_than:
        job.say("qemu-img: Could not resize file")
        path = volumes.file_path(world, volume)
        raise TaskFailed(
            f"command '/usr/bin/qemu-img resize -f raw {path} {size}' failed: exit code 1"
        )
    found.size = size
    guest.config[disk] = re.sub(r"size=[^,]*", f"size={guests.size_text(size)}", value)
    job.say("Image resized.")
    if guest.running and not world.settings.online_resize:
        job.say("Failed to update the container's filesystem: on-line resizing was refused")


@serves("GET /nodes/{node}/lxc/{vmid}/snapshot", "GET /nodes/{node}/qemu/{vmid}/snapshot")
async def snapshots(call: Call) -> object:
    """List the snapshots, and the present as one that is not."""
    guest = found_guest(call)
    rows: list[dict[str, object]] = []
    for name, one in guest.snapshots.items():
        described = f"{one.description}\n" if one.description else ""
        row: dict[str, object] = {"name": name, "description": described, "snaptime": one.time}
        rows.append(row | {"parent": one.parent} if one.parent else row)
    present: dict[str, object] = {
        "name": "current",
        "description": "You are here!",
        "digest": guest.digest,
        "running": int(guest.running),
    }
    parent = guest.config.get("parent")
    return [*rows, present | {"parent": parent} if parent else present]


def found_guest(call: Call) -> Guest:
    kind = "qemu" if "/qemu/" in call.path else "lxc"
    return call.world.guest(call["node"], kind, call["vmid"])


@serves("POST /nodes/{node}/lxc/{vmid}/snapshot")
async def take(call: Call) -> object:
    """Take a snapshot; nearly everything that can be wrong is found in the task."""
    world, name = call.world, call["snapname"]
    if name == "current":
        raise died("unable to use snapshot name 'current' (reserved name)")
    vmid = call["vmid"]

    async def work(job: Job) -> None:
        async with job.locked(vmid):
            guest = world.guest(call["node"], "lxc", vmid)
            lxc_power.check_lock(guest)
            await job.take(world.settings.quick)
            check_snapshot(world, guest, name)
            guest.config["lock"] = "snapshot"
            try:
                await job.take(world.settings.snapshot)
            finally:
                guest.config.pop("lock", None)
            keep(world, guest, name, str(call.get("description", "")))

    return spawn(world, call["node"], "vzsnapshot", vmid, call.who, work)


def check_snapshot(world: World, guest: Guest, name: str) -> None:
    """Fail the task where there can be no such snapshot."""
    if name in guest.snapshots:
        raise TaskFailed(f"snapshot name '{name}' already used")
    if not volumes.can_snapshot(world, guest):
        raise TaskFailed("snapshot feature is not available")
    if guest.template:
        raise TaskFailed("can't take snapshot of a template")


def keep(world: World, guest: Guest, name: str, description: str) -> None:
    """Write a snapshot into the config."""
    kept = {
        key: copy.copy(value)
        for key, value in guest.config.items()
        if key not in {"lock", "parent", "description", "digest"} and not key.startswith("unused")
    }
    parent = str(guest.config.get("parent", ""))
    taken = int(world.clock.now())
    guest.snapshots[name] = Snapshot(kept, description, taken, parent, dict(guest.files))
    guest.config["parent"] = name


@serves("GET /nodes/{node}/lxc/{vmid}/snapshot/{snapname}")
async def snapshot(call: Call) -> object:
    return [{"cmd": "rollback"}, {"cmd": "config"}]


@serves("GET /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config")
async def snapshot_config(call: Call) -> object:
    return guests.shown(lxc_config.snapshot_config(_snapshot(call)))


def _snapshot(call: Call) -> Snapshot:
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    if call["snapname"] not in guest.snapshots:
        raise died(f"snapshot '{call['snapname']}' does not exist")
    return guest.snapshots[call["snapname"]]


@serves("PUT /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config")
async def describe(call: Call) -> object:
    async with call.world.locks.hold(guest_lock(call["vmid"]), seconds=call.world.settings.flock):
        _snapshot(call).description = str(call.get("description", ""))
    return None


@serves("DELETE /nodes/{node}/lxc/{vmid}/snapshot/{snapname}")
async def delete(call: Call) -> object:
    world, vmid, name = call.world, call["vmid"], call["snapname"]
    world.guest(call["node"], "lxc", vmid)

    async def work(job: Job) -> None:
        guest = world.guest(call["node"], "lxc", vmid)
        if name not in guest.snapshots:
            raise TaskFailed(f"snapshot '{name}' does not exist")
        async with job.locked(vmid):
            lxc_power.check_lock(guest)
            guest.config["lock"] = "snapshot-delete"
            try:
                await job.take(world.settings.snapshot)
            finally:
                guest.config.pop("lock", None)
            discard(guest, name)

    return spawn(world, call["node"], "vzdelsnapshot", vmid, call.who, work)


def discard(guest: Guest, name: str) -> None:
    """Take a snapshot out and hang those after it on the one before."""
    gone = guest.snapshots.pop(name)
    for one in guest.snapshots.values():
        if one.parent == name:
            one.parent = gone.parent
    if guest.config.get("parent") == name:
        guest.config["parent"] = gone.parent
        if not gone.parent:
            del guest.config["parent"]


@serves("POST /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback")
async def rollback(call: Call) -> object:
    """Go back to a snapshot; a running container is stopped and stays so without ``start``."""
    world, vmid, name = call.world, call["vmid"], call["snapname"]
    world.guest(call["node"], "lxc", vmid)

    async def work(job: Job) -> None:
        async with job.locked(vmid):
            guest = world.guest(call["node"], "lxc", vmid)
            await job.take(world.settings.quick)
            if name not in guest.snapshots:
                raise TaskFailed(f"snapshot '{name}' does not exist")
            lxc_power.check_lock(guest)
            await _go_back(job, guest, name)
        if call.get("start"):
            lxc_power.spawn_start(world, call["node"], vmid, call.who)

    return spawn(world, call["node"], "vzrollback", vmid, call.who, work)


async def _go_back(job: Job, guest: Guest, name: str) -> None:
    guest.config["lock"] = "rollback"
    try:
        if guest.running:
            await job.take(job.world.settings.stop)
            lxc_power.halt(guest)
        await job.take(job.world.settings.rollback)
    finally:
        guest.config.pop("lock", None)
    kept = guest.snapshots[name]
    unused = {key: value for key, value in guest.config.items() if key.startswith("unused")}
    guest.config = {**copy.copy(kept.config), **unused, "parent": name}
    guest.files = dict(kept.files)
    guest.pending.clear()
    guest.dropped.clear()
