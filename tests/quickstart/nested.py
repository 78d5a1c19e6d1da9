"""A fresh Debian machine for each test: a system container in which Incus itself can run."""

import fcntl
import hashlib
import os
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import WORKER
from tests.support.incus import ROOT

GUEST = Path(__file__).parent / "guest"
CACHE = Path(os.environ.get("STEAD_CACHE", "/var/cache/stead"))
PACKAGES = "usr-is-merged,systemd-sysv,ifupdown,udhcpc,iproute2,ca-certificates"
FRESH_SECONDS = 3 * 86400
NUMBER = int(WORKER.removeprefix("gw") or 0)
NETWORK = f"qstest{NUMBER}"
LOOP_DEVICES = 16
MIRRORS = ". script/lib/mirrors.sh; write_mirrors {folder}; debian_codename"
METADATA = """architecture: {architecture}
creation_date: 1
templates:
  /etc/hostname: {{when: [create], template: hostname.tpl}}
"""
INTERFACES = "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n"


def run(*command: str, seconds: float = 120, **options: object) -> str:
    """Run a program on this machine and return its output; say everything when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout[-4000:]}"
    return str(done.stdout)


def machine_image() -> Path:
    """Build, or find, a minimal Debian with this machine's own mirrors."""
    parts = [path.read_bytes() for path in sorted(GUEST.iterdir())]
    key = hashlib.sha256(b"".join([PACKAGES.encode(), *parts])).hexdigest()[:16]
    image = CACHE / "images" / f"machine-{key}.tar.zst"
    image.parent.mkdir(parents=True, exist_ok=True)
    with image.with_suffix(".lock").open("w") as lock:
        # Workers that start together build it once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists() or time.time() - image.stat().st_mtime > FRESH_SECONDS:
            _build(image)
    return image


def _build(image: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = run("bash", "-ec", MIRRORS.format(folder=folder)).strip()
        (folder / "interfaces").write_text(INTERFACES)
        hooks = [f"copy-in {path} /usr/local/sbin" for path in sorted(GUEST.iterdir())]
        hooks.append(f"copy-in {folder}/interfaces /etc/network")
        run(
            "mmdebstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
            *(f"--customize-hook={hook}" for hook in hooks),
            suite,
            str(folder / "machine.tar"),
            *(str(path) for path in sorted(folder.glob("debian.*"))),
            seconds=300,
        )
        run("zstd", "-q", "-3", str(folder / "machine.tar"), "-o", f"{image}.part")
        Path(f"{image}.part").rename(image)


def metadata(folder: Path) -> Path:
    """Write the part of an image that Incus reads."""
    (folder / "templates").mkdir()
    (folder / "templates" / "hostname.tpl").write_text("{{ instance.name }}\n")
    (folder / "metadata.yaml").write_text(METADATA.format(architecture=os.uname().machine))
    made = folder / "metadata.tar"
    run("tar", "-C", str(folder), "-cf", str(made), "metadata.yaml", "templates")
    return made


@dataclass(frozen=True)
class Host:
    """The Incus in which the machines of these tests live."""

    folder: Path
    pool: str
    image: str

    def incus(self, *words: str, seconds: float = 120) -> str:
        """Run the client against this Incus."""
        environment = {**os.environ, "INCUS_DIR": str(self.folder)}
        return run("incus", *words, seconds=seconds, env=environment)

    def machine(
        self, name: str, *, systemd: bool, trusted: bool, nesting: bool = True
    ) -> "Machine":
        """Start a fresh machine; a trusted one may use loop devices as real hardware does."""
        options = [f"--config=security.nesting={str(nesting).lower()}"]
        if trusted:
            options.append("--config=security.privileged=true")
        if not systemd:
            options.append("--config=raw.lxc=lxc.init.cmd = /usr/local/sbin/little-init")
        self.incus(
            "init", self.image, name, "--storage", self.pool, "--network", NETWORK, *options
        )
        machine = Machine(self, name)
        shift = [] if trusted else ["shift=true"]
        (CACHE / "shared").mkdir(parents=True, exist_ok=True)
        self.add(name, "cache", "disk", f"source={CACHE}/shared", "path=/mnt/cache", *shift)
        if trusted:
            self.add(
                name, "control", "unix-char", "source=/dev/loop-control", "path=/dev/loop-control"
            )
            for number in range(LOOP_DEVICES):
                numbers = ("major=7", f"minor={number}")
                self.add(name, f"loop{number}", "unix-block", f"path=/dev/loop{number}", *numbers)
        self.incus("start", name)
        machine.prepare()
        return machine

    def add(self, name: str, device: str, *words: str) -> None:
        """Give a machine a device."""
        self.incus("config", "device", "add", name, device, *words)


@dataclass(frozen=True)
class Machine:
    """One Debian machine that nobody has touched before the test."""

    host: Host
    name: str

    def run(self, *command: str, seconds: float = 60) -> str:
        """Run a program as root of the machine."""
        inside = [f"--env={key}={value}" for key, value in os.environ.items() if _is_mirror(key)]
        words = ["exec", self.name, "--env=STEAD_CACHE=/mnt/cache", *inside, "--", *command]
        return self.host.incus(*words, seconds=seconds)

    def quickstart(self, *words: str, seconds: float = 400) -> str:
        """Run script/quickstart of the copied checkout."""
        return self.run("/root/stead/script/quickstart", *words, seconds=seconds)

    def quickstart_killed(self, *, after: float) -> str:
        """Kill script/quickstart in the midst of its work, as a power cut would."""
        kill = f"timeout -s KILL {after:g} /root/stead/script/quickstart"
        return self.run("sh", "-c", f"{kill}; test $? = 137")

    def quickstart_fails(self, *before: str) -> str:
        """Run script/quickstart where it has to give up, and return what it said."""
        command = shlex.join([*before, "/root/stead/script/quickstart"])
        return self.run(
            "sh", "-c", f"if {command}; then echo unexpected success; exit 1; fi", seconds=300
        )

    def snapshot(self) -> list[str]:
        """Return all that an uninstallation has to bring back, with the firewall."""
        rows = self.run("/usr/local/sbin/snapshot").splitlines()
        pid = self.host.incus("list", self.name, "-f", "csv", "-c", "p").strip()
        rules = run("nsenter", "-t", pid, "-n", "nft", "list", "ruleset")
        return rows + [f"firewall {line}" for line in rules.splitlines()]

    def address(self) -> str:
        """Return the address under which this machine is reached from outside."""
        return self.run(
            "sh", "-c", "ip -4 -o address show eth0 | sed 's/.*inet //; s,/.*,,'"
        ).strip()

    def prepare(self) -> None:
        """Wait for the network, then bring in our checkout and this machine's configuration."""
        wait = "until grep -qs nameserver /etc/resolv.conf; do sleep 0.1; done"
        self.run("timeout", "30", "sh", "-c", wait)
        self.run("mount-cgroups")
        with tempfile.TemporaryDirectory() as name:
            self._push("/", _machine_configuration(Path(name) / "machine.tar"))
            self._push("/root/stead", _checkout(Path(name) / "checkout.tar"))

    def _push(self, folder: str, archive: Path) -> None:
        self.run("mkdir", "-p", folder)
        self.host.incus("file", "push", "-q", str(archive), f"{self.name}/root/push.tar")
        self.run("tar", "-C", folder, "-xf", "/root/push.tar")
        self.run("rm", "/root/push.tar")


def _is_mirror(key: str) -> bool:
    return key.startswith("PIP_") or key.lower() in {"http_proxy", "https_proxy", "no_proxy"}


def _checkout(archive: Path) -> Path:
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    listing = archive.with_suffix(".txt")
    listing.write_text("\n".join(name for name in names if (ROOT / name).exists()))
    run("tar", "-cf", str(archive), "-T", str(listing))
    return archive


def _machine_configuration(archive: Path) -> Path:
    proxy = run("apt-config", "dump", "--format", '%f "%v";%n', "Acquire::http::Proxy")
    tree = archive.parent / "machine"
    (tree / "etc/apt/apt.conf.d").mkdir(parents=True)
    (tree / "etc/apt/apt.conf.d/90mirror").write_text(proxy)
    wanted = (
        Path("/etc/ssl/certs/ca-certificates.crt"),
        Path("/etc/pip.conf"),
        Path("/root/.config/pip/pip.conf"),
    )
    for path in wanted:
        if path.exists():
            target = tree / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    run("tar", "-C", str(tree), "--owner=0", "--group=0", "-cf", str(archive), ".")
    return archive
