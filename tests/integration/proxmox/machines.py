"""A template of a virtual machine on the stand-in."""

from tests.proxmox.world import GIB, Guest, Volume, World

VM_TEMPLATE = "vm-template"


def add_vm_template(
    world: World, vmid: int = 9100, node: str = "pve1", *, storage: str = "local", gib: int = 2
) -> Guest:
    """Add one with a disk, a cloud-init drive and the settings of its maker."""
    suffix = "raw" if world.storages[storage].type == "btrfs" else "qcow2"
    volume = f"{storage}:{vmid}/base-{vmid}-disk-0.{suffix}"
    drive = f"{storage}:{vmid}/vm-{vmid}-cloudinit.qcow2"
    world.volumes[node, volume] = Volume("images", suffix, gib * GIB, 0, vmid)
    world.volumes[node, drive] = Volume("images", "qcow2", 4 * 1024**2, 0, vmid)
    guest = Guest(vmid, "qemu", node)
    guest.config = {
        "name": VM_TEMPLATE,
        "template": 1,
        "memory": "512",
        "cores": 1,
        "sockets": 2,
        "boot": "order=scsi0",
        "scsi0": f"{volume},size={gib}G",
        "ide2": f"{drive},media=cdrom",
        "net0": "virtio=BC:24:11:00:00:77,bridge=vmbr0",
        "net1": "virtio=BC:24:11:00:00:78,bridge=vmbr2",
        "ipconfig0": "ip=10.78.0.77/24",
        "ipconfig1": "ip=10.99.2.77/24",
        "tags": "golden",
        "onboot": 1,
        "protection": 1,
    }
    world.guests[node, vmid] = guest
    return guest
