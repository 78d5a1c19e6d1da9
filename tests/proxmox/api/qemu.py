"""Virtual machines: lists, making them, their config. As recorded: none of them ever ran."""

import re
import uuid
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.call import Call, died, forbidden, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, Volume, World

DISK = re.compile(r"(scsi|virtio|sata|ide|efidisk|tpmstate)\d+")
NET = re.compile(r"net\d+")
NOT_CONFIG = {
    "archive", "bwlimit", "delete", "digest", "force", "import-working-storage",
    "live-restore", "node", "pool", "revert", "skiplock", "start", "storage", "unique", "vmid",
}  # fmt: skip
MODEL = r"(?:model=)?(virtio|e1000e?|rtl8139|vmxnet3|[a-z0-9_\-]+)(?:=([0-9A-Fa-f:]{17}))?"
# What needs which privilege; all else is an option.
PRIVILEGES = (
    (re.compile(r"memory|balloon|shares|hugepages"), "VM.Config.Memory"),
    (re.compile(r"cores|sockets|cpu|cpulimit|cpuunits|vcpus|numa\d*"), "VM.Config.CPU"),
    (re.compile(r"net\d+"), "VM.Config.Network"),
    (
        re.compile(
            r"ipconfig\d+|nameserver|searchdomain|ciuser|cipassword|sshkeys|citype|cicustom|ciupgrade"
        ),
        "VM.Config.Cloudinit VM.Config.Network",
    ),
    (re.compile(r"(scsi|virtio|sata|ide|efidisk|tpmstate|unused)\d+|boot"), "VM.Config.Disk"),
    (
        re.compile(r"bios|machine|scsihw|vga|serial\d+|rng0|watchdog|smbios1|agent_"),
        "VM.Config.HWType",
    ),
)


@serves("GET /nodes/{node}/qemu")
async def machines(call: Call) -> object:
    return [
        guests.vm_status(call.world, guest)
        for guest in call.world.guests.values()
        if guest.kind == "qemu"
        and guest.node == call["node"]
        and call.may(f"/vms/{guest.vmid}", "VM.Audit")
    ]


@serves("GET /nodes/{node}/qemu/{vmid}/status/current")
async def current(call: Call) -> object:
    guest = call.world.guest(call["node"], "qemu", call["vmid"])
    row = guests.vm_status(call.world, guest)
    agent = {"agent": 1} if guest.config.get("agent") else {}
    return row | {"ha": {"managed": 0}, "qmpstatus": row["status"]} | agent


def check_rights(call: Call, names: list[str], wanted: dict[str, Any]) -> None:
    """Refuse changes that the caller may not make."""
    if call.who.root:
        return
    if "hookscript" in wanted or "args" in wanted:
        raise forbidden("only root can set 'args' config")
    for name in names:
        found = (privilege for pattern, privilege in PRIVILEGES if pattern.fullmatch(name))
        call.need(f"/vms/{call['vmid']}", *next(found, "VM.Config.Options").split())
    for name, value in wanted.items():
        bridge = re.search(r"bridge=([^,]+)", str(value)) if NET.fullmatch(name) else None
        if bridge:
            call.need(f"/sdn/zones/localnetwork/{bridge[1]}", "SDN.Use")
        if DISK.fullmatch(name) and ":" in str(value):
            storage = volumes.storage_of(volumes.volume_of(str(value)))
            call.need(f"/storage/{storage}", "Datastore.AllocateSpace")


@serves("POST /nodes/{node}/qemu")
async def create(call: Call) -> object:
    world, vmid = call.world, call["vmid"]
    world.quorum()
    known = world.find_guest(vmid)
    if known is not None:
        kind = "CT" if known.kind == "lxc" else "VM"
        exists = f"{kind} {vmid} already exists on node '{known.node}'"
        raise died(f"unable to create VM {vmid} - {exists}")
    pool = call.get("pool")
    if pool and pool not in world.pools:
        raise forbidden(f"pool '{pool}' does not exist")
    if not call.may(f"/vms/{vmid}", "VM.Allocate") and not (
        pool and call.may(f"/pool/{pool}", "VM.Allocate")
    ):
        raise forbidden()
    wanted = {key: value for key, value in call.params.items() if key not in NOT_CONFIG}
    check_rights(call, list(wanted), wanted)
    if call.get("archive"):
        return _restore(call, wanted)
    for key, value in wanted.items():
        if DISK.fullmatch(key) and volumes.SPEC.fullmatch(volumes.volume_of(str(value))):
            world.enabled_storage(volumes.storage_of(str(value)))
    guest = Guest(vmid, "qemu", call["node"], config={"lock": "create"})
    world.guests[call["node"], vmid] = guest
    if pool:
        world.join_pool(pool, vmid)

    async def work(job: Job) -> None:
        await job.take(world.settings.quick)
        guest.config = _made(job, world, guest, wanted)

    return spawn(world, call["node"], "qmcreate", vmid, call.who, work)


def _restore(call: Call, wanted: dict[str, Any]) -> str:
    """Make a machine of a backup; what is given besides replaces what the backup says."""
    world, node, vmid = call.world, call["node"], call["vmid"]
    for key in wanted:
        if DISK.fullmatch(key):
            raise invalid(**{key: "option conflicts with option 'archive'"})
    storage = str(call.get("storage", "local"))
    call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    kept = world.volumes.get((node, call["archive"]))
    if kept is not None and kept.vmid is not None and not call.who.root:
        call.need(f"/vms/{kept.vmid}", "VM.Backup")
    guest = Guest(vmid, "qemu", node, config={"lock": "create"})
    world.guests[node, vmid] = guest
    if call.get("pool"):
        world.join_pool(call["pool"], vmid)

    async def work(job: Job) -> None:
        try:
            await job.take(world.settings.restore)
            archive = _archive(kept, call["archive"])
        except TaskFailed as failure:
            world.guests.pop((node, vmid), None)
            world.leave_pools(vmid)
            raise TaskFailed(f"unable to restore VM {vmid} - {failure}") from failure
        config = {**archive, **wanted}
        for key, value in config.items():
            config[key] = _restored(call, guest, key, str(value), storage)
        guest.config = {key: guests.stored(key, value) for key, value in config.items()}

    return spawn(world, node, "qmrestore", vmid, call.who, work)


def _archive(kept: Volume | None, volume: str) -> dict[str, Any]:
    if kept is None or kept.archive is None:
        raise TaskFailed(f"volume '{volume}' does not exist")
    return kept.archive


def _restored(call: Call, guest: Guest, key: str, value: str, storage: str) -> str:
    """Return a value of a backup's config with a disk, or a card's MAC, of its own."""
    world = call.world
    if NET.fullmatch(key) and call.get("unique"):
        return re.sub(r"=[0-9A-Fa-f:]{17}", f"={world.mac()}", value, count=1)
    if not DISK.fullmatch(key) or ":" not in volumes.volume_of(value):
        return value
    if "media=cdrom" in value:
        return disk(world, guest, key, f"{storage}:cloudinit", None)
    size = re.search(r"size=(\d+[KMGT]?)", value)
    count = guests.size_bytes(size[1]) if size else 0
    new = volumes.allocate(world, guest.node, storage, guest.vmid, count)
    return value.replace(volumes.volume_of(value), new, 1)


def _made(job: Job, world: World, guest: Guest, wanted: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {
        key: written(world, guest, key, value, job) for key, value in wanted.items()
    }
    config.setdefault("smbios1", f"uuid={uuid.UUID(int=world.random.getrandbits(128), version=4)}")
    config.setdefault("vmgenid", str(uuid.UUID(int=world.random.getrandbits(128), version=4)))
    config.setdefault("meta", f"creation-qemu=9.2.0,ctime={int(world.clock.now())}")
    bootable = [
        key for key in ("scsi0", "virtio0", "sata0", "ide0", "ide2", "net0") if key in config
    ]
    config.setdefault("boot", f"order={';'.join(bootable)}")
    return config


def written(world: World, guest: Guest, key: str, value: Any, job: Job | None = None) -> Any:
    """Return an option as it is kept: disks made, addresses given, memory as text."""
    if key == "memory":
        return str(value)
    if NET.fullmatch(key):
        model, _, rest = str(value).partition(",")
        found = re.fullmatch(MODEL, model)
        if found:
            mac = (found[2] or world.mac()).upper()
            return ",".join(filter(None, (f"{found[1]}={mac}", rest)))
    if DISK.fullmatch(key):
        return disk(world, guest, key, str(value), job)
    return guests.stored(key, value)


def disk(world: World, guest: Guest, key: str, value: str, job: Job | None) -> str:
    """Return a disk as it is kept, made if it is to be new."""
    volume, _, rest = value.partition(",")
    if volume.endswith(":cloudinit"):
        storage = volumes.storage_of(volume)
        made = volumes.allocate(world, guest.node, storage, guest.vmid, 4 * 1024**2, "qcow2")
        return f"{made},media=cdrom,size=4M"
    if not volumes.SPEC.fullmatch(volume):
        return value
    size = volumes.wanted_bytes(volume)
    made = volumes.allocate(world, guest.node, volumes.storage_of(volume), guest.vmid, size)
    world.volumes[guest.node, made].content = "images"
    text = ",".join(filter(None, (made, rest, f"size={guests.size_text(size)}")))
    if job:
        job.say(
            f"Formatting '{volumes.file_path(world, made)}'",
            f"{key}: successfully created disk '{text}'",
        )
    return text


@serves("GET /nodes/{node}/qemu/{vmid}/config")
async def read(call: Call) -> object:
    guest = call.world.guest(call["node"], "qemu", call["vmid"])
    found = dict(guest.config)
    if not call.get("current"):
        found |= guest.pending
        found = {key: value for key, value in found.items() if key not in guest.dropped}
    if found.get("cipassword"):
        found["cipassword"] = "**********"
    return found | {"digest": guest.digest}


@serves("GET /nodes/{node}/qemu/{vmid}/pending")
async def pending(call: Call) -> object:
    guest = call.world.guest(call["node"], "qemu", call["vmid"])
    rows: list[dict[str, Any]] = []
    for key in {**guest.config, **guest.pending}:
        row: dict[str, Any] = {"key": key}
        if key in guest.config:
            row["value"] = guest.config[key]
        if key in guest.pending:
            row["pending"] = guest.pending[key]
        if key in guest.dropped:
            row["delete"] = 1
        rows.append(row)
    return [*rows, {"key": "digest", "value": guest.digest}]


@serves("PUT /nodes/{node}/qemu/{vmid}/config")
async def change(call: Call) -> object:
    _change(call, None)
    return None


@serves("POST /nodes/{node}/qemu/{vmid}/config")
async def change_later(call: Call) -> object:
    """Change the config in a task."""
    guest = call.world.guest(call["node"], "qemu", call["vmid"])

    async def work(job: Job) -> None:
        given = [f"-{key} {value}" for key, value in call.params.items() if key not in NOT_CONFIG]
        job.say(f"update VM {guest.vmid}: {' '.join(given)}")
        _change(call, job)

    return spawn(call.world, call["node"], "qmconfig", guest.vmid, call.who, work)


def _change(call: Call, job: Job | None) -> None:
    guest = call.world.guest(call["node"], "qemu", call["vmid"])
    wanted = {key: value for key, value in call.params.items() if key not in NOT_CONFIG}
    deleted = split_list(str(call.get("delete", "")))
    reverted = split_list(str(call.get("revert", "")))
    if not wanted and not deleted and not reverted:
        raise died("no options specified")
    check_rights(call, [*wanted, *deleted, *reverted], wanted)
    if guest.lock:
        raise died(f"VM is locked ({guest.lock})")
    if call.get("digest") and call["digest"] != guest.digest:
        raise died("detected modified configuration - file changed by other user? Try again.")
    for name in deleted:
        if name in wanted:
            raise invalid(delete=f"you can't use '-{name}' and -delete {name}' at the same time")
        _drop(guest, name)
    for name in reverted:
        guest.pending.pop(name, None)
        guest.dropped.discard(name)
    for name, value in wanted.items():
        kept = written(call.world, guest, name, value, job)
        if guest.running and name not in {"description", "tags", "onboot", "name", "protection"}:
            guest.pending[name] = kept
        else:
            guest.config[name] = kept


def _drop(guest: Guest, name: str) -> None:
    if guest.running and name in guest.config:
        guest.dropped.add(name)
        return
    value = guest.config.pop(name, None)
    if value is not None and DISK.fullmatch(name) and ":" in str(value):
        number = next(count for count in range(256) if f"unused{count}" not in guest.config)
        guest.config[f"unused{number}"] = volumes.volume_of(str(value))
