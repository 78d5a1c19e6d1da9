"""What each recording presumes and what happened off the record, by the name of its file."""

from typing import Any
from urllib.parse import unquote

from tests.proxmox import presets
from tests.proxmox.access import Grant, Token, User
from tests.proxmox.clock import Clock
from tests.proxmox.replay import clusters
from tests.proxmox.replay.player import UPID, Hook, Player, Seed
from tests.proxmox.replay.rooms import btr102, ct100, finished, node, web
from tests.proxmox.world import Firewall, Volume, World

ARCHIVE = presets.ARCHIVE
CREATE = {"memory": 256, "swap": 0, "unprivileged": 1, "net0": "name=eth0,bridge=vmbr0,ip=dhcp"}


def wait(seconds: float) -> Hook:
    return lambda player: player.clock.advance(seconds)


def lab(clock: Clock) -> World:
    """Return the node with the three guests that most recordings begin with, all running."""
    made = node(clock)
    ct100(made)
    web(made)
    btr102(made)
    return made


def begin(clock: Clock) -> World:
    made = node(clock)
    ct100(made)
    return made


def lifecycle(clock: Clock) -> World:
    made = begin(clock)
    first = web(made)
    first.config |= {
        "hostname": "web-01", "tags": "a-b;prod;web", "cores": 1, "swap": 0,
        "description": "line one\nline two: äöü <b>",
        "rootfs": "local:101/vm-101-disk-0.raw,size=1G",
    }  # fmt: skip
    for key in ("mp0", "unused0", "protection"):
        del first.config[key]
    made.volumes["pve1", "local:101/vm-101-disk-0.raw"].size = 1024**3
    for number in (1, 2):
        del made.volumes["pve1", f"local:101/vm-101-disk-{number}.raw"]
    btr102(made, running=False)
    btr102(made, running=False, vmid=103, storage="local-hdd")
    return made


def config(clock: Clock) -> World:
    made = lifecycle(clock)
    made.guests["pve1", 101].config["swap"] = 128
    return made


def resize(clock: Clock) -> World:
    made = lab(clock)
    first = made.guests["pve1", 101]
    first.config["rootfs"] = "local:101/vm-101-disk-0.raw,size=1G"
    made.volumes["pve1", "local:101/vm-101-disk-0.raw"].size = 1024**3
    btr102(made, running=False)
    return made


def unlock(player: Player) -> None:
    player.world.guests["pve1", 101].config.pop("lock", None)


async def adopt(player: Player, upid: str) -> None:
    """Let the double's task stand for the recorded one that is polled next."""
    target = unquote(player.exchanges[player.index]["request"]["path"])
    found = UPID.search(target)
    if found:
        player.learned[found[0]] = upid


def template_of(vmid: int, storage: str) -> Hook:
    async def create(player: Player) -> None:
        form = {**CREATE, "vmid": vmid, "ostemplate": ARCHIVE, "hostname": f"tpl{vmid}"}
        made = await player.call("POST", "/nodes/pve1/lxc", rootfs=storage, **form)
        await adopt(player, made)

    return create


def templates(clock: Clock) -> World:
    made = lab(clock)
    btr102(made, tags=" ").config.pop("tags")
    guest = made.guests["pve1", 102]
    presets.snapshot(made, guest, "keep")
    return made


def backups(clock: Clock) -> World:
    made = lab(clock)
    for vmid, ending, moment in ((100, "tar", "12_40_04"), (101, "tar.zst", "12_39_55")):
        volid = f"local:backup/vzdump-lxc-{vmid}-2026_11_21-{moment}.{ending}"
        volume = Volume("backup", ending, 85_995_778, int(clock.now()), vmid)
        volume.archive = dict(made.guests["pve1", vmid].config)
        made.volumes["pve1", volid] = volume
    made.volumes.pop(("pve1", "local:102/none"), None)
    return made


BOUNDARY = b"----b76a922614e09419294426be164d184b6"


def form(*fields: tuple[str, str], name: str) -> Hook:
    """Return a hook that puts the body of an upload where the recording has only its size."""

    def put(player: Player) -> None:
        kind = player.exchanges[player.index]["request"]["headers"]["Content-Type"]
        boundary = kind.partition("boundary=")[2]
        parts = [f'name="{key}"\r\n\r\n{value}' for key, value in fields]
        parts.append(f'name="filename"; filename="{name}"\r\n\r\nhello')
        lines = [f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts]
        player.bodies[player.index] = "".join([*lines, f"--{boundary}--\r\n"]).encode()

    return put


def kind(content: str) -> tuple[str, str]:
    return "content", content


SMALL = "small-test_1.0_amd64.tar.gz"
SUM = (("checksum-algorithm", "md5"), ("checksum", "0" * 32))
UPLOADS = {
    33: form(kind("vztmpl"), name=SMALL),
    37: form(kind("vztmpl"), name=SMALL),
    41: form(kind("vztmpl"), name="x.exe"),
    42: form(kind("vztmpl"), name="../../../tmp/evil.tar.gz"),
    46: form(kind("iso"), name="x.iso"),
    50: form(kind("snippets"), name="x.yaml"),
    51: form(kind("backup"), name="vzdump-lxc-1-2026_01_01-00_00_00.tar"),
    52: form(kind("vztmpl"), *SUM, name=SMALL),
    56: form(kind("vztmpl"), *reversed(SUM), name=SMALL),
    57: form(kind("vztmpl"), name=SMALL),
    58: form(kind("vztmpl"), name=SMALL),
}


def walled(clock: Clock) -> World:
    made = lab(clock)
    options = {
        "enable": 1,
        "log_level_in": "nolog",
        "macfilter": 1,
        "policy_in": "DROP",
        "policy_out": "ACCEPT",
    }
    rules: list[dict[str, Any]] = [
        {"action": "ACCEPT", "type": "in", "enable": 1} for _ in range(2)
    ]
    made.guest_firewalls[101] = Firewall(options, rules)
    return made


def history(clock: Clock) -> World:
    """Return the lab with some finished tasks."""
    made = lab(clock)
    ends = [
        ("vzcreate", "121", "OK"), ("vzcreate", "160", "OK"), ("vzcreate", "120", "OK"),
        ("vzdump", "101", "OK"), ("vzdump", "101", "job errors"), ("imgcopy", "", "no such thing"),
        ("download", "x.tar.zst", "download failed"), ("vzdestroy", "195", "OK"),
    ]  # fmt: skip
    for number, (type_, id_, status) in enumerate(ends):
        finished(made, type_, id_, status, pid=3000 + number)
    return made


def know_history(player: Player) -> None:
    player.learned["UPID:pve1:0000223D:0005BDF6:6B019256:vzdestroy:195:root@pam:"] = list(
        player.world.tasks
    )[-1]
    player.learned["UPID:pve3:0000223D:0005BDF6:6B019256:vzdestroy:195:root@pam:"] = list(
        player.world.tasks
    )[-1].replace("pve1", "pve3")


def unreachable(player: Player) -> None:
    """Let a node's name resolve although nobody answers there."""
    player.world.unreachable.add("pve2")


def consoles(clock: Clock) -> World:
    made = lab(clock)
    user = User()
    user.tokens["tt"] = Token("secret", privsep=0)
    made.access.users["con@pve"] = user
    made.access.roles["Con"] = {"VM.Console", "VM.Audit"}
    made.access.acl[Grant("/vms/101", "user", "con@pve", "Con")] = 1
    return made


def shell_mode(clock: Clock) -> World:
    made = consoles(clock)
    made.guests["pve1", 101].config["cmode"] = "shell"
    return made


def machines(clock: Clock) -> World:
    made = begin(clock)
    made.settings.kvm = False
    return made


def copy_fails(player: Player) -> None:
    """The converter of that node did not know its own option."""
    source, made = "base-301-disk-0.raw", "zeroinit:/var/lib/vz/images/303/vm-303-disk-0.raw"
    options = f"-p -n -f raw -O raw /var/lib/vz/images/301/{source} {made}"
    reason = f"copy failed: command '/usr/bin/qemu-img convert {options}' failed: exit code 1"
    player.world.faults.add("fail", tasks="qmclone:301", reason=reason)


def proxy(clock: Clock) -> World:
    made = lab(clock)
    made.random.seed(2)
    return made


def down(what: str) -> Hook:
    def strike(player: Player) -> None:
        player.world.down = what

    return strike


def grab(player: Player) -> None:
    player.world.locks.grab("/run/lock/lxc/pve-config-101.lock")


def release(player: Player) -> None:
    player.world.locks.release("/run/lock/lxc/pve-config-101.lock")


def large(player: Player) -> None:
    player.bodies[player.index] = b"description=" + b"x" * 614_400


def factors(clock: Clock) -> World:
    made = node(clock)
    user = User(password=made.access.digest("<PASSWORD>"))
    user.tokens["api"] = Token("secret", privsep=1)
    made.access.users["tfa@pve"] = user
    return made


def control(clock: Clock) -> World:
    """Return the node with the control plane's user and two templates."""
    made = begin(clock)
    presets.control_plane(made)
    presets.container(made, 9000, template=1, memory=128, net0=made_net(made), hostname="tpl9000")
    presets.container(made, 9001, storage="local", template=1, net0=made_net(made))
    made.access.users["root@pam"].tokens["itest"] = Token("secret", privsep=0)
    return made


def made_net(world: World) -> str:
    return f"name=eth0,bridge=vmbr0,hwaddr={world.mac()},ip=dhcp,type=veth"


def full_token(player: Player) -> None:
    player.world.access.users["cp@pve"].tokens["full"] = Token("secret", privsep=0)


def wrong_secret(player: Player) -> None:
    player.secrets[player.index] = "wrong"


SEEDS: dict[str, Seed] = {
    "02-access-users-roles-acl-tokens": Seed(begin, {41: wrong_secret, 63: full_token}),
    "03-lxc-create": Seed(begin, {85: wait(1.5), 87: wait(1)}),
    "04-lxc-lifecycle": Seed(lifecycle, {25: wait(0.4), 30: wait(0.6), 55: wait(8)}),
    "05-lxc-config": Seed(config, {121: unlock}),
    "06-resize-snapshot": Seed(resize, {75: wait(2)}),
    "07-template-clone-delete": Seed(
        templates, {0: template_of(120, "local:1"), 3: template_of(121, "local-btrfs:0")}
    ),
    "07b-linked-clone": Seed(lab, {54: wait(0.6)}, {39: (40, 39, 41)}),
    "08-vzdump-restore": Seed(lab),
    "09-storage": Seed(backups, UPLOADS),
    "10-network": Seed(lab),
    "11-firewall": Seed(lab),
    "11b-firewall-effective": Seed(walled),
    "12-pools": Seed(lab),
    "13-cluster-nodes-tasks": Seed(history, {0: know_history, 51: unreachable}),
    "14-console-exec": Seed(consoles),
    "14b-console-shellmode-token": Seed(shell_mode),
    "15-qemu-define": Seed(machines, {56: copy_fails}),
    "17-proxy-errors-timeouts": Seed(
        proxy,
        {
            3: grab,
            4: release,
            5: down("pvedaemon"),
            11: down("frozen"),
            12: down(""),
            13: down("pmxcfs"),
            17: down(""),
            18: large,
        },
    ),
    "18-concurrency-races": Seed(lab),
    "19-tfa-login": Seed(factors),
    "20-happy-path-minimal-role-token": Seed(
        control, {9: wait(0.8), 18: wait(2), 72: wait(0.8), 81: wait(2)}
    ),
    "21-misc-checks": Seed(control),
    **clusters.SEEDS,
}


def default() -> Seed:
    return Seed(node)
