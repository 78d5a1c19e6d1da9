"""An Incus daemon that belongs to the tests: own folder, own pool, gone afterwards."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
INCUSD = Path("/usr/libexec/incus/incusd")
PROJECT_CONFIG = {
    "features.images": "true",
    "features.networks": "false",
    "features.profiles": "true",
    "features.storage.volumes": "true",
    "restricted": "true",
    "restricted.containers.nesting": "block",
    "restricted.containers.lowlevel": "block",
    "restricted.devices.nic": "managed",
    "restricted.devices.disk": "managed",
    "restricted.backups": "allow",
    "restricted.snapshots": "allow",
}


@dataclass(frozen=True)
class Incus:
    """A running daemon and the restricted access that Stead gets."""

    folder: Path
    url: str
    certificate: Path
    key: Path
    server_certificate: Path
    project: str
    pool: str
    image: str

    def command(self, *words: str) -> str:
        """Run the incus client against this daemon and return its output."""
        done = subprocess.run(  # the client is what is under the tests' feet, not under test
            ["incus", *words],
            env={**os.environ, "INCUS_DIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        if done.returncode:
            raise RuntimeError(f"incus {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def instances(self) -> list[str]:
        """Return the names of all instances of Stead's project."""
        rows = json.loads(self.command("list", "--project", self.project, "--format", "json"))
        return sorted(row["name"] for row in rows)

    def volumes(self) -> list[str]:
        """Return the storage volumes of Stead's project, images aside."""
        rows = json.loads(
            self.command(
                "storage",
                "volume",
                "list",
                self.pool,
                "--project",
                self.project,
                "--format",
                "json",
            )
        )
        return sorted(row["name"] for row in rows if row["type"] != "image")

    def networks(self) -> list[str]:
        """Return the managed networks."""
        rows = json.loads(self.command("network", "list", "--format", "json"))
        return sorted(row["name"] for row in rows if row["managed"])


def why_not() -> str:
    """Return why no Incus can be started here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if not INCUSD.exists():
        return "needs Debian's incus-base"
    return ""


@contextlib.contextmanager
def running_incus(folder: Path, images: Path) -> Iterator[Incus]:
    """Start a daemon with a project, a pool and the base image; stop it and clean up after."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    log = (folder / "incusd.log").open("wb")
    daemon = subprocess.Popen(
        [str(INCUSD), "--group", "root"],
        env={**os.environ, "INCUS_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    (folder / "incusd.pid").write_text(str(daemon.pid))
    try:
        incus = _prepare(folder, images)
        yield incus
    finally:
        with contextlib.suppress(RuntimeError):
            _empty(folder)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
        log.close()
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what a killed run left: its daemon, its mounts, its files."""
    pid_file = folder / "incusd.pid"
    if pid_file.exists():
        pid = int(pid_file.read_text() or 0)
        executable = Path(f"/proc/{pid}/exe")
        if executable.exists() and executable.resolve() == INCUSD:
            os.kill(pid, signal.SIGKILL)
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
    for network in (folder / "networks").glob("*"):
        _drop_bridge(network)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _drop_bridge(network: Path) -> None:
    """Delete the bridge of a daemon that died, with its DHCP server and its rules."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"dnsmasq") and f"--interface={network.name}".encode() in words:
            os.kill(int(entry.parent.name), signal.SIGKILL)
    subprocess.run(["ip", "link", "delete", network.name], check=False, capture_output=True)
    for family in ("inet", "bridge"):
        listed = subprocess.run(
            ["nft", "-j", "list", "chains", family], check=False, capture_output=True, text=True
        )
        chains = [
            item["chain"]
            for item in json.loads(listed.stdout or "{}").get("nftables", [])
            if "chain" in item
        ]
        names = [c["name"] for c in chains if c["name"].endswith(f".{network.name}")]
        # Hooks jump to the plain chains, so those go last.
        for name in sorted(names, key=lambda n: n.startswith("acl.")):
            subprocess.run(
                ["nft", "delete", "chain", family, "incus", name], check=False, capture_output=True
            )


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(certificate: Path, key: Path) -> None:
    """Make a client certificate that nobody trusts yet."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=stead",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )


def _prepare(folder: Path, images: Path) -> Incus:
    port = free_port()
    incus = Incus(
        folder=folder,
        url=f"https://127.0.0.1:{port}",
        certificate=folder / "client.crt",
        key=folder / "client.key",
        server_certificate=folder / "server.crt",
        project="stead",
        pool="stead",
        image="stead-base",
    )
    incus.command("admin", "waitready", "--timeout=60")
    incus.command("config", "set", "core.https_address", f"127.0.0.1:{port}")
    incus.command("storage", "create", "stead", "btrfs", "size=20GiB")
    options = [f"--config={name}={value}" for name, value in PROJECT_CONFIG.items()]
    incus.command("project", "create", "stead", *options)
    make_certificate(incus.certificate, incus.key)
    incus.command(
        "config",
        "trust",
        "add-certificate",
        str(incus.certificate),
        "--name",
        "stead",
        "--restricted",
        "--projects",
        "stead",
    )
    incus.command(
        "image",
        "import",
        "--project",
        "stead",
        str(images / "metadata.tar"),
        str(images / "rootfs.tar.zst"),
        "--alias",
        "stead-base",
    )
    return incus


def _empty(folder: Path) -> None:
    incus = Incus(folder, "", folder, folder, folder, "stead", "stead", "stead-base")
    for name in incus.instances():
        incus.command("delete", "--force", "--project", "stead", name)
    for name in incus.networks():
        incus.command("network", "delete", name)
