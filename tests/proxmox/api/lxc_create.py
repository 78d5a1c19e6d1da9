"""Making containers: from a template, or from a backup."""

import asyncio
import re
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_config, lxc_power, lxc_rights
from tests.proxmox.call import Call, RefusedError, died, forbidden, serves
from tests.proxmox.locks import guest_lock
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import GIB, Guest, Volume, World

KEY = re.compile(
    r"(ssh-(rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+)\s+[A-Za-z0-9+/]{20,}={0,3}(\s.*)?|#.*|\s*"
)
SMALLEST_ROOT = GIB // 4
DEFAULTS = {"memory": 512, "swap": 512, "arch": "amd64", "ostype": "debian"}
NOT_KEPT = lxc_rights.NOT_CONFIG
UNPACK = (
    "command 'lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- tar xpf - --zstd "
    "--totals --one-file-system -p --sparse --numeric-owner --acls --xattrs "
    "'--xattrs-include=user.*' '--xattrs-include=security.capability' "
    "'--warning=no-file-ignored' '--warning=no-xattr-write' -C /var/lib/lxc/{}/rootfs "
    "--skip-old-files --anchored --exclude './dev/*'' failed: exit code 2"
)


@serves("POST /nodes/{node}/lxc")
async def create(call: Call) -> object:
    """Reserve the id with a locked, empty config and go on in a task."""
    world, vmid, restore = call.world, call["vmid"], bool(call.get("restore"))
    world.quorum()
    known = world.find_guest(vmid)
    _check_taken(known, overwrite=bool(restore and call.get("force")))
    _check_rights(call)
    _check_keys(str(call.get("ssh-public-keys", "")))
    wanted = {key: value for key, value in call.params.items() if key not in NOT_KEPT}
    lxc_rights.check(call, None, wanted, wanted)
    _check_storages(call, wanted)
    await world.clock.sleep(world.settings.check)
    await world.locks.take(guest_lock(vmid), seconds=world.settings.flock)
    try:
        guest, before = _reserve(call, known)
    except RefusedError:
        world.locks.release(guest_lock(vmid))
        raise
    kind = "vzrestore" if restore else "vzcreate"
    upid = spawn(
        world, call["node"], kind, vmid, call.who, Making(call, guest, wanted, before).work
    )
    # The lock is handed to the task, so that nobody gets in between.
    await asyncio.sleep(0)
    return upid


def _reserve(call: Call, known: Guest | None) -> tuple[Guest, dict[str, Any]]:
    """Write the locked config, and return the guest with what its config was before."""
    world, vmid = call.world, call["vmid"]
    late = world.find_guest(vmid)
    if late is not None and late is not known:
        doing = "restore" if call.get("restore") else "create"
        kind = "CT" if late.kind == "lxc" else "VM"
        text = f"{kind} {vmid} already exists on node '{late.node}'"
        raise died(f"unable to {doing} CT {vmid} - {text}")
    guest = known if known is not None else Guest(vmid, "lxc", call["node"])
    before = dict(guest.config)
    guest.config = {**before, "lock": "create"}
    world.guests[call["node"], vmid] = guest
    if call.get("pool"):
        world.join_pool(call["pool"], vmid)
    return guest, before


def _check_taken(known: Guest | None, *, overwrite: bool) -> None:
    if known is None:
        return
    if not overwrite or known.kind != "lxc":
        kind = "CT" if known.kind == "lxc" else "VM"
        raise died(f"{kind} {known.vmid} already exists on node '{known.node}'")
    if known.running:
        raise died("can't overwrite running container")


def _check_rights(call: Call) -> None:
    pool = call.get("pool")
    if pool and pool not in call.world.pools:
        raise forbidden(f"pool '{pool}' does not exist")
    if call.may(f"/vms/{call['vmid']}", "VM.Allocate"):
        return
    if not (pool and call.may(f"/pool/{pool}", "VM.Allocate")):
        raise forbidden()


def _check_keys(text: str) -> None:
    if not all(KEY.fullmatch(line) for line in text.splitlines()):
        raise died("SSH public key validation error")


def _check_storages(call: Call, wanted: dict[str, Any]) -> None:
    """Refuse storages and archives that cannot be meant."""
    world = call.world
    archive = str(call["ostemplate"])
    if call.get("restore"):
        _check_restore(call, archive)
    if ":" in archive:
        store = volumes.storage_of(archive)
        world.enabled_storage(store)
        if not call.who.root:
            call.need(f"/storage/{store}", "Datastore.AllocateSpace", "Datastore.Audit")
    default = str(call.get("storage", "local"))
    if "rootfs" not in wanted or "storage" in call.params:
        volumes.check_for_guests(world, default)
        if not call.who.root:
            call.need(f"/storage/{default}", "Datastore.AllocateSpace")
    for key, value in wanted.items():
        if guests.MOUNT.fullmatch(key) and not str(value).startswith("/"):
            volumes.check_spec(world, str(value))


def _check_restore(call: Call, archive: str) -> None:
    if call.who.root:
        return
    call.need(f"/storage/{call.get('storage', 'local')}", "Datastore.AllocateSpace")
    found = call.world.volumes.get((call["node"], archive))
    owner = found.vmid if found else None
    if owner is not None:
        call.need(f"/vms/{owner}", "VM.Backup")


class Making:
    """The work of one creation: all that is made is taken back when it fails."""

    def __init__(
        self, call: Call, guest: Guest, wanted: dict[str, Any], before: dict[str, Any]
    ) -> None:
        self.call = call
        self.world: World = call.world
        self.guest = guest
        self.wanted = wanted
        self.before = before
        self.made: list[str] = []
        self.doing = "restore" if call.get("restore") else "create"

    async def work(self, job: Job) -> None:
        failed = f"unable to {self.doing} CT {self.guest.vmid} - "
        try:
            await self._build(job)
        except (TaskFailed, RefusedError) as failure:
            self._undo()
            raise TaskFailed(f"{failed}{failure}") from failure
        except asyncio.CancelledError:
            self._undo()
            raise TaskFailed(f"{failed}{self._interrupted(job)}") from None
        finally:
            self.world.locks.release(guest_lock(self.guest.vmid))
        if self.call.get("start"):
            lxc_power.spawn_start(self.world, self.guest.node, self.guest.vmid, self.call.who)

    def _interrupted(self, job: Job) -> str:
        key = f"/run/pve/.tmp{job.task.pid}.ecdsa"
        options = f"-f {key} -t ecdsa -N '' -E sha256 -C root@{self.name}"
        return f"command 'ssh-keygen {options}' failed: received interrupt"

    @property
    def name(self) -> str:
        return str(
            self.guest.config.get("hostname")
            or self.wanted.get("hostname")
            or f"CT{self.guest.vmid}"
        )

    def _undo(self) -> None:
        for volume in self.made:
            volumes.remove(self.world, self.guest.node, volume)
        self.world.guests.pop((self.guest.node, self.guest.vmid), None)
        self.world.leave_pools(self.guest.vmid)

    async def _build(self, job: Job) -> None:
        if self.doing == "restore":
            job.say(f"recovering backed-up configuration from '{self.call['ostemplate']}'")
        await job.take(self.world.settings.quick)
        config = self._restored() if self.doing == "restore" else self._fresh()
        self._disks(job, config)
        await self._unpack(job)
        config |= {
            key: lxc_config.network(self.world, str(config[key]))
            for key in config
            if guests.NET.fullmatch(key)
        }
        self.guest.config = {key: guests.stored(key, value) for key, value in config.items()}
        self.guest.files = self._files()
        self.guest.password = str(self.call.get("password", ""))

    def _fresh(self) -> dict[str, Any]:
        config = {**DEFAULTS, "hostname": f"CT{self.guest.vmid}", **self.wanted}
        config.setdefault("rootfs", f"{self.call.get('storage', 'local')}:4")
        return config

    def _restored(self) -> dict[str, Any]:
        """Return the config in the archive under what was asked for now."""
        found = self._archive()
        if found.archive is None:
            raise TaskFailed("unable to parse config from backup")
        config = {"memory": 512, "swap": 512, **found.archive}
        storage = self.call.get("storage")
        if "rootfs" in self.wanted:
            config = {
                key: value
                for key, value in config.items()
                if not re.fullmatch(r"(mp|unused)\d+", key)
            }
        for key, value in config.items():
            if guests.MOUNT.fullmatch(key) and not str(value).startswith("/"):
                config[key] = self._sized(str(value), storage)
        if self.call.get("unique"):
            for key in [one for one in config if guests.NET.fullmatch(one)]:
                net = guests.parse(str(config[key]), "lxc-net")
                net.pop("hwaddr", None)
                config[key] = guests.write_net(net)
        for volume in volumes.disks(self.guest).values():
            volumes.remove(self.world, self.guest.node, volume)
        self.guest.config = {"lock": "create"}
        self.guest.snapshots.clear()
        return {
            key: value
            for key, value in (config | self.wanted).items()
            if not key.startswith("unused")
        }

    def _sized(self, value: str, storage: str | None) -> str:
        """Return a mount point of an archive as a wish for a new volume."""
        volume, _, rest = value.partition(",")
        options = dict(part.partition("=")[::2] for part in rest.split(",") if part)
        size = guests.size_bytes(options.pop("size", "0")) / GIB
        where = storage or volumes.storage_of(volume)
        return guests.write({"volume": f"{where}:{size:g}", **options}, "volume")

    def _disks(self, job: Job, config: dict[str, Any]) -> None:
        for key in sorted((key for key in config if guests.MOUNT.fullmatch(key)), reverse=True):
            if str(config[key]).startswith("/"):
                continue
            config[key] = lxc_config.mount(self.world, self.guest, str(config[key]))
            volume = volumes.volume_of(str(config[key]))
            if (self.guest.node, volume) not in self.world.volumes:
                raise TaskFailed(
                    f"unable to parse directory volume name '{volume.partition(':')[2]}'"
                )
            self.made.append(volume)
            self._say_formatted(job, volume)

    def _say_formatted(self, job: Job, volume: str) -> None:
        found = self.world.volumes[self.guest.node, volume]
        if found.format != "raw":
            return
        path = volumes.file_path(self.world, volume)
        if not volume.startswith("local-btrfs"):
            job.say(f"Formatting '{path}', fmt=raw size={found.size} preallocation=off")
        job.say(
            f"Creating filesystem with {found.size // 4096} 4k blocks",
            "Filesystem UUID: 00000000-0000-4000-8000-000000000000",
            "Superblock backups stored on blocks: ",
            "\t32768",
        )

    def _archive(self) -> Volume:
        archive = str(self.call["ostemplate"])
        if ":" not in archive:
            raise TaskFailed(f"can't find file '{archive}'")
        found = self.world.volumes.get((self.guest.node, archive))
        if found is None:
            raise TaskFailed(f"volume '{archive}' does not exist")
        return found

    async def _unpack(self, job: Job) -> None:
        found = self._archive()
        root = self.world.volumes[self.guest.node, self.made[0]]
        job.say(f"extracting archive '{volumes.file_path(self.world, self.call['ostemplate'])}'")
        settings = self.world.settings
        if root.size and root.size < SMALLEST_ROOT and found.size > SMALLEST_ROOT // 4:
            await job.take(settings.create / 2)
            job.say("tar: Exiting with failure status due to previous errors")
            raise TaskFailed(UNPACK.format(self.guest.vmid))
        await job.take(settings.restore if self.doing == "restore" else settings.create)
        job.say("Total bytes read: 163000320 (156MiB, 240MiB/s)")
        if self.doing == "create":
            job.say("Detected container architecture: amd64")
            for kind in ("rsa", "ecdsa", "ed25519"):
                job.say(
                    f"Creating SSH host key 'ssh_host_{kind}_key' - this may take some time ...",
                    f"done: SHA256:{'0' * 43} root@{self.name}",
                )

    def _files(self) -> dict[str, bytes]:
        """Return the files that the new guest has beyond its template."""
        keys = str(self.call.get("ssh-public-keys", "")).strip()
        if not keys:
            return dict(self.guest.files)
        lines = f"# --- BEGIN PVE ---\n{keys}\n# --- END PVE ---\n"
        return {"/root/.ssh/authorized_keys": lines.encode()}
