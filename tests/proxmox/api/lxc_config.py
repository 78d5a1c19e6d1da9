"""The config of containers: reading, changing, what is pending, what may be plugged at once."""

import re
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.api import lxc_rights
from tests.proxmox.call import Call, died, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.locks import guest_lock
from tests.proxmox.schema import Endpoint, endpoints, find_property
from tests.proxmox.world import Guest, World

REQUIRED = {"rootfs", "memory"}
READ_ONLY = {"unprivileged"}
CONTROL = {"node", "vmid", "delete", "revert", "digest"}
# What a running container takes on at once; all else waits for the next start.
AT_ONCE = re.compile(
    r"memory|swap|cores|cpulimit|cpuunits|hostname|nameserver|searchdomain|net\d+|mp\d+|unused\d+"
    r"|onboot|startup|tags|description|protection|lock|hookscript|timezone|template"
)
MODIFIED = "detected modified configuration - file changed by other user? Try again."


def definition() -> Endpoint:
    return next(one for one in endpoints() if one.key == "PUT /nodes/{node}/lxc/{vmid}/config")


@serves("GET /nodes/{node}/lxc/{vmid}/config")
async def read(call: Call) -> object:
    """Return the config: with pending changes in it, as it runs, or as a snapshot kept it."""
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    if call.get("snapshot"):
        if call["snapshot"] not in guest.snapshots:
            raise died(f"snapshot '{call['snapshot']}' does not exist")
        kept = guest.snapshots[call["snapshot"]]
        found = snapshot_config(kept)
    else:
        found = dict(guest.config)
        if not call.get("current"):
            found |= {key: _printed(key, value) for key, value in guest.pending.items()}
            for key in guest.dropped:
                found.pop(key, None)
    return guests.shown(found) | {"digest": guest.digest}


def _printed(key: str, value: Any) -> Any:
    return guests.stored(key, value)


def snapshot_config(kept: Any) -> dict[str, Any]:
    """Return the config in a snapshot with the lines that only snapshots have."""
    found = {**kept.config, "snaptime": kept.time, "description": kept.description}
    if kept.parent:
        found["parent"] = kept.parent
    return {key: value for key, value in found.items() if value != ""}


@serves("GET /nodes/{node}/lxc/{vmid}/pending")
async def pending(call: Call) -> object:
    guest = call.world.guest(call["node"], "lxc", call["vmid"])
    rows: list[dict[str, Any]] = [
        _pending_row(guest, key, value) for key, value in guests.shown(guest.config).items()
    ]
    rows += [
        {"key": key, "pending": value}
        for key, value in guest.pending.items()
        if key not in guest.config
    ]
    return [*rows, {"key": "digest", "value": guest.digest}]


def _pending_row(guest: Guest, key: str, value: Any) -> dict[str, Any]:
    row = {"key": key, "value": value}
    if key in guest.pending:
        row["pending"] = guest.pending[key]
    if key in guest.dropped:
        row["delete"] = 1
    return row


@serves("PUT /nodes/{node}/lxc/{vmid}/config")
async def change(call: Call) -> object:
    """Set, delete and revert, all under the lock on the config."""
    world, vmid = call.world, call["vmid"]
    wanted = {key: value for key, value in call.params.items() if key not in CONTROL}
    deleted = split_list(str(call.get("delete", "")))
    reverted = split_list(str(call.get("revert", "")))
    if not wanted and not deleted and not reverted:
        raise died("no options specified")
    _check_names(wanted, [*deleted, *reverted])
    guest = world.guest(call["node"], "lxc", vmid)
    lxc_rights.check(call, guest, [*wanted, *deleted, *reverted], wanted)
    _check_hook(world, wanted)
    async with world.locks.hold(guest_lock(vmid), seconds=world.settings.flock):
        guest = world.guest(call["node"], "lxc", vmid)
        if guest.lock:
            raise died(f"CT is locked ({guest.lock})")
        if not world.quorate:
            file = f"/etc/pve/nodes/{guest.node}/lxc/{vmid}.conf.tmp.{next(world.pids)}"
            raise died(f"unable to open file '{file}' - Permission denied")
        if call.get("digest") and call["digest"] != guest.digest:
            raise died(MODIFIED)
        await world.clock.sleep(world.settings.check)
        _change(world, guest, wanted, deleted, reverted)
    return None


def _check_names(wanted: dict[str, Any], deleted: list[str]) -> None:
    for name in deleted:
        if find_property(definition().properties, name) is None or name in CONTROL:
            raise invalid(delete=f"unknown option '{name}'")
        if name in wanted:
            raise invalid(delete=f"you can't use '-{name}' and -delete {name}' at the same time")
    for name in wanted:
        if name in READ_ONLY:
            raise died(f"unable to modify read-only option: '{name}'")


def _check_hook(world: World, wanted: dict[str, Any]) -> None:
    hook = wanted.get("hookscript")
    if hook and not any(volid == hook for _, volid in world.volumes):
        raise died(f"script '{hook}' does not exist")


def _change(
    world: World, guest: Guest, wanted: dict[str, Any], deleted: list[str], reverted: list[str]
) -> None:
    for name in reverted:
        guest.pending.pop(name, None)
        guest.dropped.discard(name)
    for name in deleted:
        if name in REQUIRED:
            raise died(f"unable to delete required option '{name}'")
    for name in [*wanted, *deleted]:
        if guest.config.get("protection") and guests.MOUNT.fullmatch(name):
            raise died(f"can't update CT {guest.vmid} drive '{name}' - protection mode enabled")
    errors: dict[str, str] = {}
    for name in deleted:
        _delete(world, guest, name)
    for name, value in wanted.items():
        _set(world, guest, name, value, errors)
    if errors:
        raise invalid(**errors)
    if not guest.running:
        apply_pending(world, guest)


def apply_pending(world: World, guest: Guest) -> None:
    """Make pending changes current, as every start and every change of a stopped guest does."""
    for key in sorted(guest.dropped):
        drop_now(world, guest, key)
    for key, value in list(guest.pending.items()):
        set_now(world, guest, key, value)
    guest.pending.clear()
    guest.dropped.clear()


def _delete(world: World, guest: Guest, name: str) -> None:
    """Delete at once or at the next start; a mounted volume can only go with the latter."""
    if name not in guest.config:
        guest.pending.pop(name, None)
        return
    if guest.running and (guests.MOUNT.fullmatch(name) or not AT_ONCE.fullmatch(name)):
        guest.dropped.add(name)
        return
    guest.pending.pop(name, None)
    guest.plugged.pop(name, None)
    guest.stranded.discard(name)
    drop_now(world, guest, name)


def drop_now(world: World, guest: Guest, name: str) -> None:
    """Take a key out; the volume of a mount point stays as unused, an unused one goes."""
    value = guest.config.pop(name, None)
    if value is None:
        return
    volume = volumes.volume_of(str(value))
    if name.startswith("unused"):
        volumes.remove(world, guest.node, volume)
    elif guests.MOUNT.fullmatch(name) and (guest.node, volume) in world.volumes:
        number = next(count for count in range(256) if f"unused{count}" not in guest.config)
        guest.config[f"unused{number}"] = volume


def _set(
    world: World,
    guest: Guest,
    name: str,
    value: Any,
    errors: dict[str, str],
) -> None:
    """Set at once or at the next start. What fails to plug is kept as pending."""
    if guests.NET.fullmatch(name):
        _set_net(world, guest, name, str(value), errors)
    elif not guest.running or (AT_ONCE.fullmatch(name) and not _waits(guest, name)):
        guest.pending.pop(name, None)
        guest.dropped.discard(name)
        set_now(world, guest, name, value)
    else:
        guest.dropped.discard(name)
        if guest.config.get(name) == value:
            guest.pending.pop(name, None)
        else:
            guest.pending[name] = value


def _waits(guest: Guest, name: str) -> bool:
    """A mount point that is there cannot be replaced while it is mounted."""
    return bool(guests.MOUNT.fullmatch(name)) and name in guest.config


def set_now(world: World, guest: Guest, name: str, value: Any) -> None:
    """Write a key as it is kept, with the volume or address that it asks for."""
    if guests.MOUNT.fullmatch(name):
        value = mount(world, guest, str(value))
    elif guests.NET.fullmatch(name):
        value = network(world, str(value))
    guest.config[name] = guests.stored(name, value)


def mount(world: World, guest: Guest, value: str) -> str:
    """Return a mount point as it is kept, its volume made if it is to be new."""
    volume, _, rest = value.partition(",")
    volume = volume.removeprefix("volume=")
    if not volumes.SPEC.fullmatch(volume):
        return value
    storage = volumes.check_spec(world, volume)
    size = volumes.wanted_bytes(volume)
    made = volumes.allocate(world, guest.node, storage, guest.vmid, size)
    options = dict(part.partition("=")[::2] for part in rest.split(",") if part)
    return guests.write({"volume": made, **options, "size": guests.size_text(size)}, "volume")


def network(world: World, value: str) -> str:
    """Return a network card as it is kept; one without an address gets a new one."""
    net = guests.parse(value, "lxc-net")
    net.setdefault("hwaddr", world.mac())
    net["hwaddr"] = str(net["hwaddr"]).upper()
    net.setdefault("type", "veth")
    return guests.write_net(net)


def _set_net(world: World, guest: Guest, name: str, value: str, errors: dict[str, str]) -> None:
    net = guests.parse(value, "lxc-net")
    bridge = net.get("bridge")
    known = not bridge or bridge in world.nodes[guest.node].interfaces
    if not guest.running:
        guest.pending.pop(name, None)
        guest.config[name] = network(world, value)
        if not known:
            raise died(f"bridge '{bridge}' does not exist")
        return
    taken = {
        guests.parse(one, "lxc-net").get("name")
        for key, one in guest.plugged.items()
        if key != name
    }
    complaint = ""
    if name in guest.stranded:
        veth = f"veth{guest.vmid}i{name[3:]}p"
        activate = f"command '/sbin/ip link set {veth} up mtu 1500' failed: exit code 1"
        complaint = f"can't activate interface '{veth}' - {activate}\n"
    elif not known:
        complaint = f"bridge '{bridge}' does not exist"
    elif net["name"] in taken:
        guest.stranded.add(name)
        veth = f"veth{guest.vmid}i{name[3:]}p"
        device = f"lxc-device -n {guest.vmid} add {veth} {net['name']}"
        complaint = f"command '{device}' failed: exit code 1"
    if complaint:
        # The old card is unplugged by now, and nothing puts it back.
        guest.plugged.pop(name, None)
        guest.config.pop(name, None)
        guest.pending[name] = value
        errors[name] = f"unable to hotplug {name}: {complaint}\n"
        return
    guest.pending.pop(name, None)
    guest.config[name] = network(world, value)
    guest.plugged[name] = str(guest.config[name])
