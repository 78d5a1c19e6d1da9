"""Volumes: their names, making, renaming and removing them."""

import re

from tests.proxmox.call import RefusedError, died
from tests.proxmox.tasks import TaskFailed
from tests.proxmox.world import GIB, Guest, Storage, Volume, World

SPEC = re.compile(r"([a-zA-Z][\w.\-]*):(\d+(?:\.\d+)?)")


def storage_of(volid: str) -> str:
    return volid.partition(":")[0]


def volume_of(value: str) -> str:
    """Return the volume of a mount point: what comes before the first comma."""
    return value.split(",", maxsplit=1)[0].removeprefix("volume=").removeprefix("file=")


def folder(storage: Storage) -> str:
    return str(storage.options.get("path", "/var/lib/vz"))


def file_path(world: World, volid: str) -> str:
    """Return where a volume lies on the node."""
    name, _, rest = volid.partition(":")
    base = folder(world.storage(name))
    kind, _, file = rest.partition("/")
    places = {"backup": "dump", "vztmpl": "template/cache", "iso": "template/iso"}
    return f"{base}/{places.get(kind, f'images/{kind}')}/{file}"


def allocate(world: World, node: str, storage: str, vmid: int, size: int, suffix: str = "") -> str:
    """Make a disk of a guest and return its id. A size of 0 is a plain folder."""
    kind, format_ = ("vm", suffix or "raw") if size else ("subvol", "subvol")
    for number in range(1000):
        names = [
            f"{storage}:{vmid}/{prefix}-{vmid}-disk-{number}"
            for prefix in ("vm", "base", "subvol")
        ]
        if not any(
            (node, f"{name}.{end}") in world.volumes
            for name in names
            for end in ("raw", "subvol", "qcow2")
        ):
            break
    volid = f"{storage}:{vmid}/{kind}-{vmid}-disk-{number}.{format_}"
    content = "rootdir"
    world.volumes[node, volid] = Volume(content, format_, size, int(world.clock.now()), vmid)
    return volid


def remove(world: World, node: str, volid: str) -> bool:
    """Remove a volume; False when it was not there."""
    return world.volumes.pop((node, volid), None) is not None


def as_base(world: World, node: str, volid: str) -> str:
    """Rename a disk to what it is called in a template."""
    renamed = volid.replace("/vm-", "/base-") if volid.endswith(".raw") else volid
    found = world.volumes.pop((node, volid), None)
    if found:
        world.volumes[node, renamed] = found
    return renamed


def disks(guest: Guest) -> dict[str, str]:
    """Return the volumes of a guest by their key, bind mounts left out."""
    pattern = (
        r"rootfs|mp\d+|unused\d+"
        if guest.kind == "lxc"
        else r"(scsi|virtio|sata|ide|unused|efidisk|tpmstate)\d+"
    )
    found = {}
    for key, value in guest.config.items():
        volume = volume_of(str(value))
        if re.fullmatch(pattern, key) and ":" in volume and not volume.startswith("/"):
            found[key] = volume
    return found


def check_for_guests(world: World, name: str) -> Storage:
    """Return a storage that can hold containers, or refuse."""
    storage = world.enabled_storage(name)
    if not storage.holds("rootdir"):
        text = f"storage '{name}' does not support container directories"
        raise RefusedError(400, "Parameter verification failed.", {"storage": text})
    return storage


def check_spec(world: World, value: str) -> str:
    """Return the storage of ``STORAGE:SIZE``, or refuse what cannot be one."""
    volume = volume_of(value)
    if ":" not in volume:
        raise died(f"unable to parse volume ID '{volume}'")
    check_for_guests(world, storage_of(volume))
    return storage_of(volume)


def wanted_bytes(volume: str) -> int:
    """Return the size in ``STORAGE:GIB``. Fails the task when it is none."""
    found = SPEC.fullmatch(volume)
    if not found:
        raise TaskFailed(f"unable to parse directory volume name '{volume.partition(':')[2]}'")
    return int(float(found[2]) * GIB) // 1024 * 1024


def can_snapshot(world: World, guest: Guest) -> bool:
    """Whether every disk lies where snapshots are possible."""
    return all(
        snapshots_on(world, storage_of(volume)) or volume.endswith(".qcow2")
        for key, volume in disks(guest).items()
        if "media=cdrom" not in str(guest.config[key])
    )


def snapshots_on(world: World, storage: str) -> bool:
    kind = world.storages[storage].type if storage in world.storages else ""
    return kind in {"btrfs", "zfspool", "lvmthin", "rbd"}


def can_link(world: World, volume: str, kind: str = "lxc") -> bool:
    """Whether a volume can be the base of a linked clone."""
    if kind == "qemu":
        return True
    return snapshots_on(world, storage_of(volume)) and not volume.endswith(".subvol")
