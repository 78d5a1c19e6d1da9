"""Seeds of the recordings about clusters, and the one about permissions."""

import ast
import re

from tests.proxmox import presets
from tests.proxmox.access import Grant, Token, User
from tests.proxmox.clock import Clock, settle
from tests.proxmox.replay.player import Hook, Player, Seed
from tests.proxmox.replay.rooms import finished, node
from tests.proxmox.world import Node, Peer, Pool, Storage, World


def emptied(clock: Clock, *names: str) -> World:
    """Return other nodes than the usual one, with the one storage that each has."""
    made = node(clock)
    made.nodes.clear()
    made.volumes.clear()
    made.local = ""
    options = {"path": "/var/lib/vz", "priority": 0, "prune-backups": "keep-all=1"}
    made.storages = {"local": Storage("dir", "images,rootdir,vztmpl,iso,backup,snippets", options)}
    for name in names:
        presets.add_node(made, name, f"10.78.0.{228 + int(name[3:])}", int(name[3:]) - 1)
    made.cluster = "sandbox"
    return made


def alone(clock: Clock) -> World:
    """Return a node whose cluster never had a quorum: it does not even know itself."""
    made = emptied(clock, "pve3")
    made.cluster, made.quorate, made.config_version = "debian", False, 0
    made.nodes["pve3"].statistics = 1
    made.membership = [Node("node1", "", 1)]
    return made


def joining(clock: Clock) -> World:
    made = emptied(clock, "pve2")
    made.config_version = 1
    return made


def go_to_newcomer(player: Player) -> None:
    """From here on the calls went to the node that was to join."""
    world = player.world
    presets.add_node(world, "pve3", "10.78.0.231", 2)
    world.local, world.cluster = "pve3", ""

    def welcome(joined: World) -> None:
        joined.cluster, joined.config_version, joined.local = "sandbox", 2, "pve2"
        joined.nodes["pve3"].statistics = 0

    world.peer = Peer("<PASSWORD>", welcome)


async def joined(player: Player) -> None:
    await player.clock.advance(10)


def two(clock: Clock) -> World:
    return emptied(clock, "pve2", "pve3")


def at(name: str) -> Hook:
    def go(player: Player) -> None:
        player.world.local = name

    return go


def dies(player: Player) -> None:
    player.world.nodes["pve3"].online = False
    player.world.quorate = False


def powerless(clock: Clock) -> World:
    """Return the node with a token that may do nothing, and guests to try it on."""
    made = node(clock)
    user = User()
    user.tokens["tok"] = Token("secret", privsep=0)
    made.access.users["min@pve"] = user
    made.pools["pp"] = Pool()
    for vmid in (100, 101, 102):
        presets.container(made, vmid)
    net = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:99:E0:53,ip=dhcp,type=veth"
    tried = presets.container(made, 200, memory=128, hostname="perm200", net0=net)
    presets.snapshot(made, tried, "s1")
    presets.container(made, 202, memory=128, hostname="perm202", net0=net, template=1)
    made.nodes["pve1"].interfaces["vmbr50"] = {"type": "bridge", "priority": 9}
    return made


def grants(player: Player) -> None:
    """Grant what the note says that was granted, and nothing else."""
    access = player.world.access
    access.acl = {}
    note = player.exchanges[player.index].get("note") or ""
    found = re.search(r": with (\[.*\])", note)
    for number, (path, privilege) in enumerate(ast.literal_eval(found[1]) if found else []):
        role = f"grant{number}"
        access.roles[role] = {privilege}
        access.acl[Grant(path, "user", "min@pve", role)] = 1


async def quiet(player: Player) -> None:
    """Let everything end that was begun: the recording's client waited for it."""
    while any(task.running for task in player.world.tasks.values()):
        await settle()
        if not await player.clock.step():
            break
    for guest in player.world.guests.values():
        console = guest.console
        if console is not None:
            console.close()


async def step(player: Player) -> None:
    await quiet(player)
    extra = PERMISSION_STEPS.get(player.index)
    if extra:
        made = extra(player)
        if made is not None:
            await made
            await quiet(player)
    grants(player)


async def forget_restored(player: Player) -> None:
    await player.call("DELETE", "/nodes/pve1/lxc/224")


def learn_backup(player: Player) -> None:
    recorded = "local:backup/vzdump-lxc-200-2026_11_21-12_57_15.tar"
    found = [
        one for _, one in player.world.volumes if one.startswith("local:backup/vzdump-lxc-200")
    ]
    if found:
        player.learned[recorded] = found[-1]


def learn_template_task(player: Player) -> None:
    player.learned["UPID:pve1:00003000:0006C01A:6B0194EB:vztemplate:202:root@pam:"] = finished(
        player.world, "vztemplate", "202", "OK", pid=12288
    )


def unlock(player: Player) -> None:
    player.world.guests["pve1", 202].config.pop("lock", None)


PERMISSION_STEPS = {
    148: unlock,
    133: learn_backup,
    137: forget_restored,
    187: learn_template_task,
}
SEEDS = {
    "16-permissions": Seed(powerless, dict.fromkeys(range(203), step)),
    "22-no-quorum": Seed(alone),
    "23-cluster-create-join": Seed(joining, {1: go_to_newcomer, 6: joined}),
    "24-cluster-two-nodes": Seed(two, {35: at("pve3"), 37: at("pve2"), 38: dies}),
}
