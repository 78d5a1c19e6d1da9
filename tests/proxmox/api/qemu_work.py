"""Virtual machines at work: power, disks, snapshots, clones, templates, agent, cloud-init."""

import base64
import copy
import re

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_clone, lxc_disk, qemu
from tests.proxmox.call import Call, RefusedError, died, forbidden, serves
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, World

NO_KVM = (
    "KVM virtualisation configured, but not available. Either disable in VM configuration or "
    "enable in BIOS."
)


def find(call: Call) -> Guest:
    return call.world.guest(call["node"], "qemu", call["vmid"])


def check_lock(guest: Guest) -> None:
    if guest.lock:
        raise died(f"VM is locked ({guest.lock})")


@serves("POST /nodes/{node}/qemu/{vmid}/status/start")
async def start(call: Call) -> object:
    guest = find(call)
    if guest.running:
        raise died(f"VM {guest.vmid} already running")

    async def work(job: Job) -> None:
        check_lock(guest)
        await job.take(call.world.settings.quick)
        if guest.template:
            raise TaskFailed("you can't start a vm if it's a template")
        if not call.world.settings.kvm and guest.config.get("kvm", 1):
            raise TaskFailed(NO_KVM)
        guest.config |= guest.pending
        guest.config = {key: one for key, one in guest.config.items() if key not in guest.dropped}
        guest.pending, guest.dropped = {}, set()
        await job.take(call.world.settings.start)
        guest.running, guest.started = True, call.world.clock.now()
        guest.pid = next(call.world.pids)

    return spawn(call.world, call["node"], "qmstart", guest.vmid, call.who, work)


def _halting(call: Call, kind: str, seconds: float) -> str:
    guest = find(call)

    async def work(job: Job) -> None:
        check_lock(guest)
        if guest.running:
            await job.take(seconds)
        elif kind == "qmshutdown":
            await job.take(call.world.settings.quick)
        guest.running, guest.pid = False, 0

    return spawn(call.world, call["node"], kind, guest.vmid, call.who, work)


@serves("POST /nodes/{node}/qemu/{vmid}/status/stop")
async def stop(call: Call) -> object:
    return _halting(call, "qmstop", call.world.settings.stop)


@serves("POST /nodes/{node}/qemu/{vmid}/status/shutdown")
async def shutdown(call: Call) -> object:
    return _halting(call, "qmshutdown", call.world.settings.shutdown)


@serves("POST /nodes/{node}/qemu/{vmid}/status/reboot")
async def reboot(call: Call) -> object:
    guest = find(call)
    if not guest.running:
        raise died(f"VM {guest.vmid} not running")

    async def work(job: Job) -> None:
        check_lock(guest)
        await job.take(call.world.settings.reboot)
        guest.started = call.world.clock.now()

    return spawn(call.world, call["node"], "qmreboot", guest.vmid, call.who, work)


@serves("PUT /nodes/{node}/qemu/{vmid}/resize")
async def resize(call: Call) -> object:
    guest, disk = find(call), call["disk"]
    if disk not in guest.config:
        raise died(f"disk '{disk}' does not exist")
    value = str(guest.config[disk])
    volume = volumes.volume_of(value)
    call.need(f"/storage/{volumes.storage_of(volume)}", "Datastore.AllocateSpace")
    given = str(call["size"])

    async def work(job: Job) -> None:
        check_lock(guest)
        await job.take(call.world.settings.quick)
        found = call.world.volumes[guest.node, volume]
        size = guests.size_bytes(given.removeprefix("+"))
        size += found.size if given.startswith("+") else 0
        if size < found.size:
            raise TaskFailed("shrinking disks is not supported")
        found.size = size
        guest.config[disk] = re.sub(r"size=[^,]*", f"size={guests.size_text(size)}", value)
        job.say("Image resized.")

    return spawn(call.world, call["node"], "resize", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/qemu/{vmid}/snapshot")
async def snapshot(call: Call) -> object:
    guest = find(call)

    async def work(job: Job) -> None:
        check_lock(guest)
        await job.take(call.world.settings.snapshot)
        lxc_disk.check_snapshot(call.world, guest, call["snapname"])
        lxc_disk.keep(call.world, guest, call["snapname"], str(call.get("description", "")))

    return spawn(call.world, call["node"], "qmsnapshot", guest.vmid, call.who, work)


@serves("GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
async def snapshot_index(call: Call) -> object:
    return [{"cmd": "rollback"}, {"cmd": "config"}]


@serves("DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
async def delete_snapshot(call: Call) -> object:
    guest = find(call)

    async def work(job: Job) -> None:
        if call["snapname"] not in guest.snapshots:
            raise TaskFailed(f"snapshot '{call['snapname']}' does not exist")
        await job.take(call.world.settings.snapshot)
        lxc_disk.discard(guest, call["snapname"])

    return spawn(call.world, call["node"], "qmdelsnapshot", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback")
async def rollback(call: Call) -> object:
    guest = find(call)

    async def work(job: Job) -> None:
        if call["snapname"] not in guest.snapshots:
            raise TaskFailed(f"snapshot '{call['snapname']}' does not exist")
        await job.take(call.world.settings.rollback)
        guest.running = False
        kept = copy.copy(guest.snapshots[call["snapname"]].config)
        guest.config = {**kept, "parent": call["snapname"]}

    return spawn(call.world, call["node"], "qmrollback", guest.vmid, call.who, work)


@serves("GET /nodes/{node}/qemu/{vmid}/feature")
async def feature(call: Call) -> object:
    guest = find(call)
    fine = call["feature"] != "snapshot" or volumes.can_snapshot(call.world, guest)
    return {"hasFeature": int(fine), "nodes": list(call.world.nodes) if fine else []}


@serves("GET /nodes/{node}/qemu/{vmid}/rrddata")
async def numbers(call: Call) -> object:
    find(call)
    now = int(call.world.clock.now()) // 60 * 60
    return [{"time": moment} for moment in range(now - 69 * 60, now + 60, 60)]


@serves("POST /nodes/{node}/qemu/{vmid}/template")
async def template(call: Call) -> object:
    guest = find(call)
    if guest.template:
        raise died("you can't convert a template to a template")

    async def work(job: Job) -> None:
        await job.take(call.world.settings.quick)
        for key, volume in volumes.disks(guest).items():
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
    check_lock(source)
    if world.find_guest(newid) is not None:
        raise died(f"unable to create VM {newid}: config file already exists")
    full = bool(call.get("full", not source.template))
    if not full and call.get("storage"):
        raise died("parameter 'storage' not allowed for linked clones")
    made = Guest(newid, "qemu", call["node"], config={"lock": "clone"})
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

    return spawn(world, call["node"], "qmclone", source.vmid, call.who, work)


def _cloned(
    call: Call, world: World, source: Guest, made: Guest, *, full: bool
) -> dict[str, object]:
    config = {
        key: value
        for key, value in source.config.items()
        if key not in {"lock", "parent", "template", "meta"} and not key.startswith("unused")
    }
    for key, volume in volumes.disks(source).items():
        if key in config and "media=cdrom" not in str(config[key]):
            storage = str(call.get("storage") or volumes.storage_of(volume))
            size = world.volumes[source.node, volume].size
            suffix = "raw" if full else "qcow2"
            copied = volumes.allocate(world, made.node, storage, made.vmid, size, suffix)
            config[key] = str(config[key]).replace(volume, copied, 1)
    for key in [one for one in config if qemu.NET.fullmatch(one)]:
        config[key] = re.sub(r"=[0-9A-Fa-f:]{17}", f"={world.mac()}", str(config[key]), count=1)
    config["name"] = call.get("name", f"Copy-of-VM-{source.config.get('name', source.vmid)}")
    if call.get("description"):
        config["description"] = call["description"]
    return config


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
        await job.take(call.world.settings.destroy)
        for volume in volumes.disks(guest).values():
            volumes.remove(call.world, guest.node, volume)
        lxc_clone.forget(call.world, guest)

    return spawn(call.world, call["node"], "qmdestroy", guest.vmid, call.who, work)


def agent(call: Call) -> Guest:
    """Return a machine whose agent answers, or die."""
    guest = find(call)
    configured = str(guest.config.get("agent", ""))
    if not re.match(r"(enabled=)?1", configured):
        raise died("No QEMU guest agent configured")
    if not guest.running:
        raise died(f"VM {guest.vmid} is not running")
    return guest


@serves("POST /nodes/{node}/qemu/{vmid}/agent/ping")
async def ping(call: Call) -> object:
    agent(call)
    return {"result": {}}


@serves("POST /nodes/{node}/qemu/{vmid}/agent/exec")
async def execute(call: Call) -> object:
    """Take a command; what it does is up to the test, all that is known is that it ran."""
    guest = agent(call)
    call.world.executed.append((guest.vmid, call["command"], str(call.get("input-data", ""))))
    return {"pid": 1000 + len(call.world.executed)}


@serves("GET /nodes/{node}/qemu/{vmid}/agent/exec-status")
async def execution(call: Call) -> object:
    agent(call)
    return {"exited": 1, "exitcode": 0}


@serves("POST /nodes/{node}/qemu/{vmid}/agent/file-write")
async def write_file(call: Call) -> object:
    guest, content = agent(call), str(call["content"])
    plain = call.get("encode", 1)
    guest.files[call["file"]] = content.encode() if plain else base64.b64decode(content)
    return None


@serves("GET /nodes/{node}/qemu/{vmid}/agent/file-read")
async def read_file(call: Call) -> object:
    guest = agent(call)
    if call["file"] not in guest.files:
        raise died(f"Agent error: failed to open file '{call['file']}': No such file or directory")
    content = guest.files[call["file"]].decode("utf-8", "replace")
    return {"content": content, "bytes-read": len(content)}


@serves("GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces")
async def agent_interfaces(call: Call) -> object:
    guest = agent(call)
    rows = [{"name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": []}]
    for key, value in guest.config.items():
        found = re.search(r"=([0-9A-Fa-f:]{17})", str(value)) if qemu.NET.fullmatch(key) else None
        if found:
            mac = found[1].lower()
            rows.append(
                {"name": f"ens{18 + int(key[3:])}", "hardware-address": mac, "ip-addresses": []}
            )
    return {"result": rows}


@serves("GET /nodes/{node}/qemu/{vmid}/cloudinit")
async def cloudinit(call: Call) -> object:
    guest = find(call)
    keys = re.compile(r"ciuser|cipassword|sshkeys|ipconfig\d+|nameserver|searchdomain|name")
    return [
        {"key": key, "value": value} for key, value in guest.config.items() if keys.fullmatch(key)
    ]


@serves("PUT /nodes/{node}/qemu/{vmid}/cloudinit")
async def regenerate(call: Call) -> object:
    find(call)
    return None
