"""Starting and stopping containers."""

import asyncio

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_config
from tests.proxmox.call import Call, Identity, died, serves
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, World


def task_guest(job: Job, node: str, vmid: int) -> Guest:
    """Return a container or fail the task."""
    return job.world.guest(node, "lxc", vmid)


def check_lock(guest: Guest) -> None:
    if guest.lock:
        raise died(f"CT is locked ({guest.lock})")


@serves("POST /nodes/{node}/lxc/{vmid}/status/start")
async def start(call: Call) -> object:
    """Start a container; one that is not there fails in the task."""
    node, vmid = call["node"], call["vmid"]
    found = call.world.guests.get((node, vmid))
    if found is not None and found.running:
        raise died(f"CT {vmid} already running")
    call.world.quorum()
    return spawn_start(call.world, node, vmid, call.who)


def spawn_start(world: World, node: str, vmid: int, who: Identity) -> str:
    async def work(job: Job) -> None:
        guest = task_guest(job, node, vmid)
        if guest.template:
            raise TaskFailed("you can't start a CT if it's a template")
        async with job.locked(vmid):
            await job.take(world.settings.check)
            guest = task_guest(job, node, vmid)
            check_lock(guest)
            if guest.running:
                await job.take(world.settings.flock)
                job.say("problem with monitor socket, but continuing anyway: got timeout", "")
                return
            await boot(job, guest)

    return spawn(world, node, "vzstart", vmid, who, work)


async def boot(job: Job, guest: Guest) -> None:
    """Apply what is pending, look for disks and bridges, and run."""
    lxc_config.apply_pending(job.world, guest)
    await job.take(job.world.settings.quick)
    for volume in volumes.disks(guest).values():
        if (guest.node, volume) not in job.world.volumes:
            raise TaskFailed(f"volume '{volume}' does not exist")
    for key, value in guest.config.items():
        if guests.NET.fullmatch(key):
            bridge = guests.parse(str(value), "lxc-net").get("bridge")
            if bridge and bridge not in job.world.nodes[guest.node].interfaces:
                raise TaskFailed(f"bridge '{bridge}' does not exist")
    await job.take(job.world.settings.start)
    run(job.world, guest)


def run(world: World, guest: Guest) -> None:
    """Let a guest run from this moment."""
    guest.running, guest.started, guest.pid = True, world.clock.now(), next(world.pids)
    guest.plugged = {
        key: str(value) for key, value in guest.config.items() if guests.NET.fullmatch(key)
    }
    guest.console = None
    guest.mode = str(guest.config.get("cmode", "tty"))


def halt(guest: Guest) -> None:
    """Let a guest stop at this moment, its console with it."""
    guest.running, guest.pid, guest.plugged = False, 0, {}
    if guest.console is not None:
        guest.console.close()
        guest.console = None


def need_running(call: Call, kind: str = "CT") -> Guest:
    """Return the container, or die when it does not run; one that is absent does not."""
    found = call.world.guests.get((call["node"], call["vmid"]))
    if found is None or not found.running:
        raise died(f"{kind} {call['vmid']} not running")
    return found


@serves("POST /nodes/{node}/lxc/{vmid}/status/stop")
async def stop(call: Call) -> object:
    guest = need_running(call)

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            if not call.get("skiplock"):
                check_lock(guest)
            await job.take(call.world.settings.stop)
            halt(guest)

    return spawn(call.world, call["node"], "vzstop", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/lxc/{vmid}/status/shutdown")
async def shutdown(call: Call) -> object:
    """Ask the guest to stop; too little time is no failure of the task."""
    guest = need_running(call)
    seconds = float(call.get("timeout", 60))

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            check_lock(guest)
            if not guest.running:
                return
            if seconds >= call.world.settings.shutdown and not guest.stubborn:
                await job.take(call.world.settings.shutdown)
                halt(guest)
                return
            await job.take(seconds)
            job.say("lxc-stop: failed to receive message")
            if call.get("forceStop"):
                await job.take(call.world.settings.stop)
                halt(guest)
            else:
                command = f"lxc-stop -n {guest.vmid} --nokill --timeout {int(seconds)}"
                job.say(f"command '{command}' failed: exit code 1")
                if not guest.stubborn:
                    call.world.in_background(late_halt(call.world, guest))

    return spawn(call.world, call["node"], "vzshutdown", guest.vmid, call.who, work)


def late_halt(world: World, guest: Guest) -> asyncio.Task[None]:
    """Stop a guest that was only slow."""

    async def later() -> None:
        await world.clock.sleep(world.settings.shutdown)
        halt(guest)

    return asyncio.create_task(later())


@serves("POST /nodes/{node}/lxc/{vmid}/status/reboot")
async def reboot(call: Call) -> object:
    guest = need_running(call, "VM")

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            check_lock(guest)
            await job.take(max(0.0, call.world.settings.reboot - call.world.settings.start))
            halt(guest)
            await boot(job, guest)

    return spawn(call.world, call["node"], "vzreboot", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/lxc/{vmid}/status/suspend")
async def suspend(call: Call) -> object:
    """Fail as nearly every real one does: nothing there can freeze a container to disk."""
    guest = need_running(call)

    async def work(job: Job) -> None:
        await job.take(call.world.settings.quick)
        job.say(f"lxc-checkpoint: {guest.vmid}: execing criu failed, is it installed?")
        raise TaskFailed(
            f"command 'lxc-checkpoint -n {guest.vmid} -s -D /var/lib/vz/dump' failed: exit code 1"
        )

    return spawn(call.world, call["node"], "vzsuspend", guest.vmid, call.who, work)


@serves("POST /nodes/{node}/lxc/{vmid}/status/resume")
async def resume(call: Call) -> object:
    found = call.world.guests.get((call["node"], call["vmid"]))
    if found is not None and found.running:
        raise died(f"CT {call['vmid']} already running")
    raise died(f"CT {call['vmid']} not suspended")
