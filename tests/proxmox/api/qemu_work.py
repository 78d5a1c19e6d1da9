"""Virtual machines at work: power, larger disks, agent, cloud-init."""

import base64
import re
from urllib.parse import unquote

from tests.proxmox import guests, volumes
from tests.proxmox.api import qemu
from tests.proxmox.api.qemu_copies import check_lock, find, locked
from tests.proxmox.call import Call, died, serves
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest

NO_KVM = (
    "KVM virtualisation configured, but not available. Either disable in VM configuration or "
    "enable in BIOS."
)


@serves("POST /nodes/{node}/qemu/{vmid}/status/start")
async def start(call: Call) -> object:
    guest = find(call)
    if guest.running:
        raise died(f"VM {guest.vmid} already running")

    async def work(job: Job) -> None:
        async with locked(job, guest, ""):
            await _boot(job, guest)

    return spawn(call.world, call["node"], "qmstart", guest.vmid, call.who, work)


async def _boot(job: Job, guest: Guest) -> None:
    """Apply what is pending and run."""
    world = job.world
    await job.take(world.settings.quick)
    if guest.template:
        raise TaskFailed("you can't start a vm if it's a template")
    if not world.settings.kvm and guest.config.get("kvm", 1):
        raise TaskFailed(NO_KVM)
    guest.config |= guest.pending
    guest.config = {key: one for key, one in guest.config.items() if key not in guest.dropped}
    guest.pending, guest.dropped = {}, set()
    await job.take(world.settings.start)
    _cloud_init(guest)
    guest.running, guest.started = True, world.clock.now()
    guest.pid = next(world.pids)


def _cloud_init(guest: Guest) -> None:
    """Do what cloud-init does in a machine at its first start, as far as keys go."""
    drive = any("cloudinit" in str(value) for key, value in guest.config.items() if key != "meta")
    keys = unquote(str(guest.config.get("sshkeys", "")))
    if drive and keys and guest.config.get("ciuser") == "root":
        guest.files.setdefault("/root/.ssh/authorized_keys", keys.encode())


def _halting(call: Call, kind: str, seconds: float) -> str:
    guest = find(call)

    async def work(job: Job) -> None:
        async with locked(job, guest, ""):
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
        value = str(guest.config[disk])
        found = call.world.volumes[guest.node, volume]
        size = guests.size_bytes(given.removeprefix("+"))
        size += found.size if given.startswith("+") else 0
        if size < found.size:
            raise TaskFailed("shrinking disks is not supported")
        found.size = size
        guest.config[disk] = re.sub(r"size=[^,]*", f"size={guests.size_text(size)}", value)
        job.say("Image resized.")

    return spawn(call.world, call["node"], "resize", guest.vmid, call.who, work)


@serves("GET /nodes/{node}/qemu/{vmid}/rrddata")
async def numbers(call: Call) -> object:
    find(call)
    now = int(call.world.clock.now()) // 60 * 60
    return [{"time": moment} for moment in range(now - 69 * 60, now + 60, 60)]


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
