"""Cloning containers, making templates of them, destroying them, moving them."""

import asyncio
import copy
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_power, lxc_rights
from tests.proxmox.call import Call, RefusedError, died, forbidden, invalid, serves
from tests.proxmox.locks import guest_lock
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Guest, Volume, World

NOT_CLONED = {"lock", "parent", "template", "digest"}


@serves("POST /nodes/{node}/lxc/{vmid}/clone")
async def clone(call: Call) -> object:
    """Lock the source, reserve the target, and copy in a task. One clone of a source at a time."""
    world, newid = call.world, call["newid"]
    target = call.get("target", call["node"])
    if call.get("pool") and call["pool"] not in world.pools:
        raise forbidden(f"pool '{call['pool']}' does not exist")
    world.quorum()
    if target not in world.nodes:
        raise died(f"no such cluster node '{target}'")
    if call.get("storage"):
        world.enabled_storage(call["storage"])
    await world.clock.sleep(world.settings.check)
    async with world.locks.hold(guest_lock(call["vmid"]), seconds=world.settings.flock):
        source = world.guest(call["node"], "lxc", call["vmid"])
        config, full = _check_source(call, source, target)
        copies = _plan(call, source, config, full=full)
        if world.find_guest(newid) is not None:
            raise died(f"unable to create CT {newid}: config file already exists")
        made = Guest(newid, "lxc", call["node"], config=_config(call, config))
        world.guests[call["node"], newid] = made
        if call.get("pool"):
            world.join_pool(call["pool"], newid)
        source.config["lock"] = "disk"
    work = Cloning(call, source, made, copies, full=full).work
    return spawn(world, call["node"], "vzclone", source.vmid, call.who, work)


def _check_source(call: Call, source: Guest, target: str) -> tuple[dict[str, Any], bool]:
    """Return the config to clone and whether to copy everything, or refuse."""
    if source.lock:
        raise died(f"CT is locked ({source.lock})")
    config = source.config
    if call.get("snapname"):
        if call["snapname"] not in source.snapshots:
            raise died(f"snapshot '{call['snapname']}' does not exist")
        config = source.snapshots[call["snapname"]].config
    full = bool(call.get("full", not source.template))
    if not full and call.get("storage"):
        raise died("parameter 'storage' not allowed for linked clones")
    if full and source.running and not call.get("snapname"):
        raise died("Cannot do full clones on a running container without snapshots")
    if target != call["node"]:
        raise died(f"can't clone CT to node '{target}' (CT uses local storage)")
    return config, full


def _plan(call: Call, source: Guest, config: dict[str, Any], *, full: bool) -> dict[str, str]:
    """Return what to copy where, mount points before the root as the real one does."""
    world = call.world
    for key, value in config.items():
        if guests.NET.fullmatch(key):
            bridge = guests.parse(str(value), "lxc-net").get("bridge")
            if bridge:
                lxc_rights.need_bridge(call, str(bridge))
    copies: dict[str, str] = {}
    for key in sorted(config):
        if not guests.MOUNT.fullmatch(key) or str(config[key]).startswith("/"):
            continue
        volume = volumes.volume_of(str(config[key]))
        storage = str(call.get("storage") or volumes.storage_of(volume))
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
        if not full and not volumes.can_link(world, volume):
            raise died(f"Linked clone feature for '{volume}' is not available")
        copies[key] = storage
    return copies


def _config(call: Call, config: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a clone: everything of the source but its disks and addresses."""
    kept = {
        key: copy.copy(value)
        for key, value in config.items()
        if key not in NOT_CLONED
        and not guests.MOUNT.fullmatch(key)
        and not key.startswith("unused")
    }
    for key in [one for one in kept if guests.NET.fullmatch(one)]:
        net = guests.parse(str(kept[key]), "lxc-net")
        net["hwaddr"] = call.world.mac()
        kept[key] = guests.write_net(net)
    for key in ("hostname", "description"):
        if call.get(key):
            kept[key] = call[key]
    return {**kept, "lock": "create"}


class Cloning:
    """The work of one clone."""

    def __init__(
        self, call: Call, source: Guest, made: Guest, copies: dict[str, str], *, full: bool
    ) -> None:
        self.call = call
        self.world: World = call.world
        self.source = source
        self.made = made
        self.copies = copies
        self.full = full
        self.new: list[str] = []

    async def work(self, job: Job) -> None:
        try:
            await self._copy(job)
        except (TaskFailed, RefusedError) as failure:
            self._undo()
            raise TaskFailed(f"clone failed: {failure}") from failure
        except asyncio.CancelledError:
            # A running rsync takes a moment to die.
            await self.world.clock.sleep(min(2.5, self.world.settings.clone_full))
            self._undo()
            raise TaskFailed("clone failed: interrupted by signal") from None
        self.made.config.pop("lock", None)
        self.made.files = dict(self.source.files)
        self.made.modes, self.made.password = dict(self.source.modes), self.source.password
        self._unlock()

    def _unlock(self) -> None:
        if self.source.config.get("lock") == "disk":
            self.source.config.pop("lock")

    def _undo(self) -> None:
        for volume in self.new:
            volumes.remove(self.world, self.made.node, volume)
        self.world.guests.pop((self.made.node, self.made.vmid), None)
        self.world.leave_pools(self.made.vmid)
        self._unlock()

    async def _copy(self, job: Job) -> None:
        settings = self.world.settings
        share = (settings.clone_full if self.full else settings.clone_linked) / max(
            1, len(self.copies)
        )
        for key, storage in self.copies.items():
            volume = volumes.volume_of(str(self._config_of_source()[key]))
            kind = "full clone of mountpoint" if self.full else "linked clone of mount point"
            job.say(f"create {kind} {key} ({volume})")
            base = self.world.volumes.get((self.source.node, volume))
            if base is None:
                raise TaskFailed(f"volume '{volume}' does not exist")
            if self.call.get("snapname") and base.format == "subvol":
                await job.take(share / 2)
                raise TaskFailed(
                    f"cannot mount subvol snapshots for storage type '{self._type(volume)}'"
                )
            await job.take(share)
            made = volumes.allocate(self.world, self.made.node, storage, self.made.vmid, base.size)
            self.new.append(made)
            self._describe(key, volume, made, base)
            if self.full:
                job.say("Number of files: 5,360 (reg: 4,198, dir: 514, link: 648)")

    def _type(self, volume: str) -> str:
        return self.world.storages[volumes.storage_of(volume)].type

    def _config_of_source(self) -> dict[str, Any]:
        name = self.call.get("snapname")
        return self.source.snapshots[name].config if name else self.source.config

    def _describe(self, key: str, volume: str, made: str, base: Volume) -> None:
        old = str(self._config_of_source()[key])
        self.made.config[key] = old.replace(volume, made, 1)
        if not self.full:
            self.world.volumes[self.made.node, made].details["parent"] = volume


@serves("POST /nodes/{node}/lxc/{vmid}/template")
async def template(call: Call) -> object:
    """Answer at once; the conversion is a task that nobody is told of."""
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    lxc_power.check_lock(guest)
    if guest.template:
        raise died("you can't convert a template to a template")
    if guest.snapshots:
        raise died("unable to create template, because CT contains snapshots")
    if guest.running:
        raise died("you can't convert a CT to template if the CT is running")

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            await job.take(call.world.settings.template)
            for key, volume in volumes.disks(guest).items():
                if not key.startswith("unused"):
                    base = volumes.as_base(call.world, guest.node, volume)
                    guest.config[key] = str(guest.config[key]).replace(volume, base, 1)
            guest.config["template"] = 1

    spawn(call.world, call["node"], "vztemplate", guest.vmid, call.who, work)
    return None


@serves("DELETE /nodes/{node}/lxc/{vmid}")
async def destroy(call: Call) -> object:
    """Destroy a stopped container; ``force`` stops it first and ignores its lock."""
    world, vmid = call.world, call["vmid"]
    guest = world.guest(call["node"], "lxc", vmid)
    if guest.config.get("protection"):
        raise died(f"can't remove CT {vmid} - protection mode enabled")
    if not call.get("force"):
        lxc_power.check_lock(guest)
        if guest.running:
            raise died(f"unable to destroy CT {vmid} - container is running")

    async def work(job: Job) -> None:
        async with job.locked(vmid):
            # Somebody else may have been quicker.
            world.guest(call["node"], "lxc", vmid)
            await _stop_first(job, call, guest)
            if call.get("purge"):
                job.say(f"purging CT {vmid} from related configurations..")
            await job.take(world.settings.destroy)
            for volume in volumes.disks(guest).values():
                if not volumes.remove(world, guest.node, volume):
                    path = volumes.file_path(world, volume)
                    job.say(f"disk image '{path}' does not exist")
            if not world.quorate:
                file = f"/etc/pve/nodes/{guest.node}/lxc/{vmid}.conf.tmp.{next(world.pids)}"
                raise TaskFailed(f"unable to open file '{file}' - Permission denied")
            forget(world, guest)

    return spawn(world, call["node"], "vzdestroy", vmid, call.who, work)


async def _stop_first(job: Job, call: Call, guest: Guest) -> None:
    if not call.get("force"):
        lxc_power.check_lock(guest)
        if guest.running:
            raise TaskFailed(f"unable to destroy CT {guest.vmid} - container is running")
    elif guest.running:
        job.say(f"forced to stop CT {guest.vmid} before destroying!")
        await job.take(job.world.settings.stop)
        lxc_power.halt(guest)


def forget(world: World, guest: Guest) -> None:
    """Remove a guest with its pool membership, grants and firewall."""
    world.guests.pop((guest.node, guest.vmid), None)
    world.leave_pools(guest.vmid)
    world.access.drop(path=f"/vms/{guest.vmid}")
    world.guest_firewalls.pop(guest.vmid, None)
    world.stale.pop(guest.vmid, None)


@serves("POST /nodes/{node}/lxc/{vmid}/migrate")
async def migrate(call: Call) -> object:
    """Move a container to another node; a running one needs ``restart``."""
    world, target = call.world, call["target"]
    guest = world.guest(call["node"], "lxc", call["vmid"])
    if target == call["node"]:
        raise invalid(target="target is local node.")
    if target not in world.nodes:
        raise died(f"no such cluster node '{target}'")
    if guest.running and not (call.get("restart") or call.get("online")):
        raise died("can't migrate running container without --online or --restart")

    async def work(job: Job) -> None:
        async with job.locked(guest.vmid):
            lxc_power.check_lock(guest)
            running, origin = guest.running, guest.node
            guest.config["lock"] = "migrate"
            if running:
                job.say(f"shutdown CT {guest.vmid}")
                await job.take(world.settings.shutdown)
                lxc_power.halt(guest)
            job.say(f"starting migration of CT {guest.vmid} to node '{target}'")
            await job.take(world.settings.migrate)
            for volume in volumes.disks(guest).values():
                world.volumes[target, volume] = world.volumes.pop((origin, volume))
            guest.node = target
            world.guests[target, guest.vmid] = world.guests.pop((origin, guest.vmid))
            guest.config.pop("lock", None)
            if running:
                await lxc_power.boot(job, guest)

    return spawn(world, call["node"], "vzmigrate", guest.vmid, call.who, work)
