"""A cluster of two Incus daemons that belongs to the tests, each with a network of its own.

A member lives in its own network and mount namespace, held by a process that outlives its
daemon: so that one can be killed and come back as the same machine.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from tests.support.incus import INCUSD, PROJECT_CONFIG, Incus, make_certificate
from tests.support.waiting import until

# Runs that go on side by side do not meet: each has a network between members of its own.
NETWORKS = "10.147.0.0/16"
SUBNET = f"10.147.{os.getpid() % 250}"
BRIDGE = f"stc{os.getpid() % 250}"
POOL = "stead"
# The namespaces come first; /sys has to be the one of the new network, with the same cgroups.
_HOLD = """
mkdir -p "$INCUS_DIR" "$INCUS_DIR.sys" && mount --rbind /sys "$INCUS_DIR.sys" && umount -l /sys
mount -t sysfs sysfs /sys && mount --rbind "$INCUS_DIR.sys/fs" /sys/fs
ip link set lo up && echo ready && exec cat
"""


@dataclass
class Member:
    """One server of the cluster."""

    name: str
    address: str
    folder: Path
    holder: subprocess.Popen[bytes]
    daemon: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        enter = ["nsenter", "-t", str(self.holder.pid), "-m", "-n"]
        with (self.folder.parent / f"{self.name}.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [*enter, str(INCUSD), "--group", "root"],
                env={**os.environ, "INCUS_DIR": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.command("admin", "waitready", "--timeout=60")

    def kill(self) -> None:
        """End the daemon at once; its guests run on, as they do on a real server."""
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.wait(30)

    def stop(self) -> None:
        """End everything of this member: daemon, guests, DHCP servers, namespaces."""
        for pid in _of_namespace(self.holder.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.holder.communicate(timeout=30)
        self.daemon.wait(30)
        # It would go by itself, a moment after the last process of its namespace.
        subprocess.run(
            ["ip", "link", "delete", _card(self.name)], check=False, capture_output=True
        )

    def command(self, *words: str) -> str:
        """Run the incus client against this member."""
        return Incus(
            self.folder, "", self.folder, self.folder, self.folder, "stead", POOL, ""
        ).command(*words)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request as its owner; wait for what it begins."""
        transport = httpx.HTTPTransport(uds=str(self.folder / "unix.socket"))
        with httpx.Client(transport=transport, base_url="http://incus", timeout=120) as client:
            found = client.request(method, f"/1.0{path}", json=body).json()
            if found.get("type") == "async" and "secret" not in str(found.get("metadata")):
                found = client.get(f"{found['operation']}/wait").json()
        if found.get("error") or (found.get("metadata") or {}).get("err"):
            raise RuntimeError(f"{method} {path}: {found}")
        return found["metadata"]


@dataclass
class IncusCluster:
    """Two members, a project, and what Stead gets: a restricted access and an unrestricted one."""

    members: dict[str, Member]
    restricted: Incus
    unrestricted: Incus

    @property
    def first(self) -> Member:
        """Return the member that Stead speaks to, and that holds the database alone."""
        return self.members["n1"]

    def state(self, name: str) -> str:
        """Return what the cluster says of a member."""
        return str(self.first.ask("GET", f"/cluster/members/{name}")["status"])

    def wait_for(self, name: str, state: str) -> None:
        """Wait until the cluster says this of a member; heartbeats take their time."""
        until(f"{name} to be {state}", lambda: self.state(name) == state, seconds=90)

    def heal(self) -> None:
        """Bring back what a test took away."""
        for name, member in self.members.items():
            if member.daemon.poll() is not None:
                member.start()
            if self.state(name) == "Evacuated":
                self.first.ask("POST", f"/cluster/members/{name}/state", {"action": "restore"})
            self.wait_for(name, "Online")


def options(access: Incus) -> dict[str, str]:
    """Return what the driver is opened with."""
    return {
        "url": access.url,
        "project": access.project,
        "pool": access.pool,
        "certificate": str(access.certificate),
        "key": str(access.key),
        "server_certificate": str(access.server_certificate),
    }


@contextlib.contextmanager
def running_cluster(folder: Path, images: Path) -> Iterator[IncusCluster]:
    """Start two daemons and join them; leave nothing behind."""
    _sweep(folder)
    folder.mkdir(parents=True)
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    members: dict[str, Member] = {}
    try:
        _run("ip", "addr", "add", f"{SUBNET}.1/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(("n1", "n2"), start=11):
            members[name] = _hold(folder / name, name, f"{SUBNET}.{number}")
            members[name].start()
        _join(members["n1"], members["n2"])
        yield _prepare(folder, images, members)
    finally:
        for member in members.values():
            member.stop()
        _sweep(folder)


def _hold(folder: Path, name: str, address: str) -> Member:
    holder = subprocess.Popen(
        ["unshare", "-m", "-n", "--propagation", "private", "sh", "-e", "-c", _HOLD],
        env={**os.environ, "INCUS_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"ready\n", "the namespaces could not be made"
    folder.with_suffix(".pid").write_text(str(holder.pid))
    pid = str(holder.pid)
    card = _card(name)
    _run("ip", "link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", pid)
    _run("ip", "link", "set", card, "master", BRIDGE, "up")
    for words in (("addr", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
        _run("nsenter", "-t", pid, "-n", "ip", *words)
    return Member(name, address, folder, holder)


def _join(first: Member, second: Member) -> None:
    """Bootstrap a cluster by one member and let the other one join by a token."""
    port = 8443
    first.ask("PUT", "", {"config": {"core.https_address": f"{first.address}:{port}"}})
    pool = {"name": POOL, "driver": "btrfs", "config": {"size": "5GiB"}}
    first.ask("POST", "/storage-pools", pool)
    first.ask("PUT", "/cluster", {"server_name": first.name, "enabled": True})
    asked = first.ask("POST", "/cluster/members", {"server_name": second.name})["metadata"]
    token = {
        "server_name": second.name,
        "fingerprint": asked["fingerprint"],
        "addresses": asked["addresses"],
        "secret": asked["secret"],
        "expires_at": asked["expiresAt"],
    }
    part = {"entity": "storage-pool", "name": POOL}
    second.ask(
        "PUT",
        "/cluster",
        {
            "server_name": second.name,
            "enabled": True,
            "cluster_address": f"{first.address}:{port}",
            "cluster_certificate": first.ask("GET", "")["environment"]["certificate"],
            "server_address": f"{second.address}:{port}",
            "cluster_token": base64.b64encode(json.dumps(token).encode()).decode(),
            "member_config": [
                {**part, "key": "size", "value": "5GiB"},
                {**part, "key": "source", "value": ""},
            ],
        },
    )
    # The shortest that Incus takes: how long a member may be silent before it counts as offline.
    first.ask("PATCH", "", {"config": {"cluster.offline_threshold": "11"}})


def _prepare(folder: Path, images: Path, members: dict[str, Member]) -> IncusCluster:
    first = members["n1"]
    config = {**PROJECT_CONFIG, "restricted.cluster.target": "allow"}
    first.ask("POST", "/projects", {"name": "stead", "config": config})
    files = (str(images / "metadata.tar"), str(images / "rootfs.tar.zst"))
    first.command("image", "import", "--project", "stead", *files, "--alias", "stead-base")
    restricted = Incus(
        folder=first.folder,
        url=f"https://{first.address}:8443",
        certificate=folder / "client.crt",
        key=folder / "client.key",
        server_certificate=first.folder / "cluster.crt",
        project="stead",
        pool=POOL,
        image="stead-base",
    )
    owner = replace(restricted, certificate=folder / "owner.crt", key=folder / "owner.key")
    trust = ("config", "trust", "add-certificate")
    for access, more in ((restricted, ("--restricted", "--projects", "stead")), (owner, ())):
        make_certificate(access.certificate, access.key)
        first.command(*trust, str(access.certificate), "--name", access.key.stem, *more)
    return IncusCluster(members, restricted, owner)


def _of_namespace(holder: int) -> list[int]:
    """Return every process of a member, and the guests that those look after."""
    network = Path(f"/proc/{holder}/ns/net").readlink()
    ours: set[int] = set()
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            pid = int(entry.name)
            parents[pid] = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
            if (entry / "ns" / "net").readlink() == network:
                ours.add(pid)
    size = 0
    while size != len(ours):
        size = len(ours)
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    return sorted(ours)


def _sweep(folder: Path) -> None:
    """Remove what a killed run left; a namespace goes with the last process in it."""
    for file in folder.glob("*.pid"):
        pid = int(file.read_text() or 0)
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                for one in _of_namespace(pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
    subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)
    # Another one may just be leaving: files go with the last mount of theirs.
    shutil.rmtree(folder, ignore_errors=True)


def _card(name: str) -> str:
    return f"{BRIDGE}{name}"


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
