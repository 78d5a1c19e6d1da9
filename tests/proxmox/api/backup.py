"""Backups: making, pruning and reading them."""

import asyncio
import contextlib
import re
from datetime import UTC, datetime
from typing import Any

from tests.proxmox import volumes
from tests.proxmox.api import lxc_power
from tests.proxmox.api.content import visible
from tests.proxmox.call import Call, RefusedError, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, Volume

NODE_LOCK = "/var/run/vzdump.lock"
LOCK_SECONDS = 180 * 60
ENDINGS = {"zstd": "tar.zst", "gzip": "tar.gz", "1": "tar.lzo", "lzo": "tar.lzo", "0": "tar"}
BYTES = {"zstd": 85_611_298, "gzip": 90_000_000}
DEFAULTS: dict[str, Any] = {
    "all": 0, "bwlimit": 0, "compress": "0", "dumpdir": "/var/lib/vz/dump",
    "fleecing": {"enabled": 0}, "ionice": 7, "lockwait": 180, "mailnotification": "always",
    "mode": "snapshot", "notification-mode": "auto", "notification-policy": "always",
    "performance": {"max-workers": 16, "pbs-entries-max": 1048576}, "pigz": 0,
    "prune-backups": "keep-all=1", "quiet": 0, "remove": 1, "stdexcludes": 1, "stop": 0,
    "stopwait": 10, "zstd": 1,
}  # fmt: skip


@serves("GET /nodes/{node}/vzdump/defaults")
async def defaults(call: Call) -> object:
    return DEFAULTS | {"storage": str(call.get("storage", "local"))}


@serves("POST /nodes/{node}/vzdump")
async def backup(call: Call) -> object:
    """Back up some guests, one job at a time on a node."""
    world = call.world
    if not (call.get("vmid") or call.get("all") or call.get("pool")):
        raise invalid(vmid="property is missing")
    storage = str(call.get("storage", "local"))
    if not call.who.root:
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    wanted = [int(one) for one in split_list(str(call.get("vmid", "")))]
    if not wanted:
        wanted = sorted(vmid for node, vmid in world.guests if node == call["node"])

    async def work(job: Job) -> None:
        if storage not in world.storages:
            missing = f"storage '{storage}' does not exist"
            raise TaskFailed(
                f"could not activate storage '{storage}': {missing}\n"
                f"could not get storage information for '{storage}': {missing}"
            )
        if not world.storages[storage].holds("backup"):
            await job.take(world.settings.quick)
            wrong = f"can't use storage '{storage}' for backups - wrong content type"
            raise TaskFailed(f"could not get storage information for '{storage}': {wrong}")
        async with _turn(job):
            await _all(job, call, storage, wanted)

    id_ = wanted[0] if len(wanted) == 1 and call.get("vmid") else ""
    return spawn(world, call["node"], "vzdump", id_, call.who, work)


@contextlib.asynccontextmanager
async def _turn(job: Job) -> Any:
    """Wait for the node's only backup lock."""
    locks = job.world.locks
    if locks.held(NODE_LOCK):
        job.say("INFO: trying to get global lock - waiting...")
    try:
        await locks.take(NODE_LOCK, seconds=LOCK_SECONDS)
    except asyncio.CancelledError:
        job.say(f"ERROR: can't acquire lock '{NODE_LOCK}' - interrupted by signal")
        raise
    try:
        yield
    finally:
        locks.release(NODE_LOCK)


async def _all(job: Job, call: Call, storage: str, wanted: list[int]) -> None:
    options = " ".join(f"--{key} {call[key]}" for key in ("storage", "mode") if call.get(key))
    job.say(f"INFO: starting new backup job: vzdump {' '.join(map(str, wanted))} {options}")
    failed = False
    for vmid in wanted:
        try:
            await _one(job, call, storage, vmid)
        except (TaskFailed, RefusedError) as failure:
            job.say(f"ERROR: Backup of VM {vmid} failed - {failure}")
            failed = True
        except asyncio.CancelledError:
            job.say(f"ERROR: Backup of VM {vmid} failed - interrupted by signal")
            raise TaskFailed("job errors") from None
    if failed:
        job.say("INFO: Backup job finished with errors")
        raise TaskFailed("job errors")
    job.say("INFO: Backup job finished successfully")


async def _one(job: Job, call: Call, storage: str, vmid: int) -> None:
    world = job.world
    guest = world.guests.get((call["node"], vmid))
    if guest is None or not call.may(f"/vms/{vmid}", "VM.Backup"):
        await job.take(world.settings.quick)
        raise TaskFailed(f"unable to find VM '{vmid}'")
    job.say(f"INFO: Starting Backup of VM {vmid} ({guest.kind})")
    async with job.locked(vmid):
        lxc_power.check_lock(guest)
        guest.config["lock"] = "backup"
    try:
        await _archive(job, call, storage, guest)
    finally:
        if guest.lock == "backup":
            guest.config.pop("lock")
    job.say(f"INFO: Finished Backup of VM {vmid} (00:00:04)")


async def _archive(job: Job, call: Call, storage: str, guest: Guest) -> None:
    """Write the archive; one that stops the guest starts it again whatever happens."""
    world, mode = job.world, str(call.get("mode", "snapshot"))
    root = volumes.volume_of(str(guest.config.get("rootfs", "")))
    restart = mode == "stop" and guest.running
    guest.paused = restart
    await job.take(world.settings.quick)
    if mode == "snapshot" and root.endswith(".subvol") and volumes.can_snapshot(world, guest):
        kind = world.storages[volumes.storage_of(root)].type
        raise TaskFailed(f"cannot mount subvol snapshots for storage type '{kind}'")
    try:
        await job.take(world.settings.backup)
    finally:
        if restart:
            guest.paused = False
            lxc_power.run(world, guest)
    _write(job, call, storage, guest)


def _write(job: Job, call: Call, storage: str, guest: Guest) -> None:
    world, compress = job.world, str(call.get("compress", "0"))
    moment = datetime.fromtimestamp(world.clock.now(), UTC).strftime("%Y_%m_%d-%H_%M_%S")
    ending = ENDINGS[compress]
    volid = f"{storage}:backup/vzdump-{guest.kind}-{guest.vmid}-{moment}.{ending}"
    config = {key: value for key, value in guest.config.items() if key not in {"lock", "parent"}}
    notes = str(call.get("notes-template", ""))
    for name, value in (
        ("guestname", guest.config.get("hostname", guest.config.get("name", ""))),
        ("node", guest.node),
        ("vmid", guest.vmid),
    ):
        notes = notes.replace("{{" + name + "}}", str(value))
    made = Volume(
        "backup", ending, BYTES.get(compress, 169_000_960), int(world.clock.now()), guest.vmid
    )
    made.archive = config
    made.details = {"notes": notes, "protected": int(call.get("protected", 0))}
    world.volumes[guest.node, volid] = made
    job.say(f"INFO: creating vzdump archive '{volumes.file_path(world, volid)}'")


@serves("GET /nodes/{node}/vzdump/extractconfig")
async def extract(call: Call) -> object:
    found = call.world.volumes.get((call["node"], call["volume"]))
    if found is None or found.archive is None:
        raise died(f"volume '{call['volume']}' does not exist")
    return "".join(f"{key}: {value}\n" for key, value in sorted(found.archive.items()))


def _prunable(call: Call) -> list[dict[str, Any]]:
    """Return the backups with what pruning would do to each."""
    keep = int((re.search(r"keep-last=(\d+)", str(call.get("prune-backups", ""))) or ["", "0"])[1])
    found = [
        (volid, volume)
        for (node, volid), volume in call.world.volumes.items()
        if node == call["node"]
        and volume.content == "backup"
        and volumes.storage_of(volid) == call["storage"]
        and call.get("vmid") in {None, volume.vmid}
        and visible(call, volume)
    ]
    found.sort(key=lambda one: one[1].ctime, reverse=True)
    rows, kept = [], 0
    for volid, volume in found:
        if volume.details.get("protected"):
            mark = "protected"
        elif not keep or kept < keep:
            mark, kept = "keep", kept + 1
        else:
            mark = "remove"
        row = {"volid": volid, "ctime": volume.ctime, "vmid": volume.vmid, "mark": mark}
        rows.append(row | {"type": "lxc"})
    return rows


@serves("GET /nodes/{node}/storage/{storage}/prunebackups")
async def prune_plan(call: Call) -> object:
    return _prunable(call)


@serves("DELETE /nodes/{node}/storage/{storage}/prunebackups")
async def prune(call: Call) -> object:
    async def work(job: Job) -> None:
        for row in _prunable(call):
            if row["mark"] == "remove":
                call.world.volumes.pop((call["node"], row["volid"]), None)

    id_ = f"{call['vmid']}@{call['storage']}" if call.get("vmid") else call["storage"]
    return spawn(call.world, call["node"], "prunebackups", id_, call.who, work)
