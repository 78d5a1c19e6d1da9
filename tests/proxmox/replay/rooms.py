"""The node that was recorded and the guests on it."""

from typing import Any

from tests.proxmox import presets
from tests.proxmox.api import lxc_power
from tests.proxmox.clock import Clock
from tests.proxmox.settings import Settings
from tests.proxmox.tasks import Task
from tests.proxmox.world import GIB, Guest, Volume, World


def node(clock: Clock) -> World:
    """Return the node with the password of root."""
    made = presets.single(clock, Settings())
    made.access.users["root@pam"].password = made.access.digest("<PASSWORD>")
    return made


def ct100(world: World) -> Guest:
    guest = presets.container(
        world, 100, storage="local", gib=2, cores=1,
        net0="name=eth0,bridge=vmbr0,hwaddr=BC:24:11:D7:24:C8,ip=dhcp,type=veth",
    )  # fmt: skip
    return up(world, guest)


def up(world: World, guest: Guest) -> Guest:
    """Let a guest have been running for a while."""
    lxc_power.run(world, guest)
    guest.started -= 300
    return guest


def web(world: World) -> Guest:
    """Return guest 101 as it was from the second hour on."""
    guest = presets.container(world, 101, storage="local", gib=3)
    guest.config |= {
        "hostname": "web-02", "cores": 2, "memory": 256, "features": "nesting=1",
        "nameserver": "10.78.0.1", "searchdomain": "sandbox.local", "onboot": 1,
        "startup": "order=2,up=5", "tags": " ", "protection": 0,
        "net0": "name=eth0,bridge=vmbr0,firewall=1,gw=10.78.0.1,hwaddr=BC:24:11:2D:C9:96,"
        "ip=10.78.0.201/24,type=veth",
        "net1": "name=eth1,bridge=vmbr2,hwaddr=BC:24:11:E9:60:39,ip=10.99.2.11/24,type=veth",
        "mp0": "local:101/vm-101-disk-2.raw,mp=relative,size=1G",
        "unused0": "local:101/vm-101-disk-1.raw",
    }  # fmt: skip
    del guest.config["swap"]
    for number in (1, 2):
        volid = f"local:101/vm-101-disk-{number}.raw"
        world.volumes[guest.node, volid] = Volume(
            "rootdir", "raw", GIB, int(world.clock.now()), 101
        )
    return up(world, guest)


def btr102(
    world: World,
    *,
    running: bool = True,
    vmid: int = 102,
    storage: str = "local-btrfs",
    **more: Any,
) -> Guest:
    guest = presets.container(
        world, vmid, storage=storage, gib=0, cores=1, memory=256,
        hostname="btr102" if vmid == 102 else f"subvol{vmid}",
        net0=f"name=eth0,bridge=vmbr0,hwaddr={world.mac()},ip=dhcp,type=veth", **more,
    )  # fmt: skip
    return up(world, guest) if running else guest


def finished(
    world: World, type_: str, id_: str, status: str, *, pid: int, user: str = "root@pam"
) -> str:
    start = int(world.clock.now()) - 40
    upid = f"UPID:pve1:{pid:08X}:0005BDF6:{start:08X}:{type_}:{id_}:{user}:"
    last = "TASK OK" if status == "OK" else f"TASK ERROR: {status}"
    task = Task(upid, "pve1", pid, 376310, start, type_, id_, user, [last], status, start + 1)
    world.tasks[upid] = task
    return upid
