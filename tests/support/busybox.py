"""A system of two megabytes for tests that need many containers and none of Debian."""

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
FOLDERS = ("bin", "sbin", "dev", "proc", "sys", "tmp", "etc", "root", "run", "mnt")
INIT = b"""#!/bin/sh
trap 'exit 0' PWR TERM INT USR1 USR2
ip link set lo up
echo conformance guest is up >/dev/console
while :; do sleep 3600 & wait $!; done
"""


def build_busybox(folder: Path) -> Path:
    """Write metadata.tar and rootfs.tar.zst, as ``running_incus`` wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = f"architecture: {os.uname().machine}\ncreation_date: 1\n".encode()
    with tarfile.open(folder / "metadata.tar", "w") as tar:
        _add(tar, "metadata.yaml", metadata)
    plain = folder / "rootfs.tar"
    with tarfile.open(plain, "w") as tar:
        _fill(tar)
    subprocess.run(["zstd", "-q", "-f", "--rm", str(plain)], check=True)
    return folder


def _fill(tar: tarfile.TarFile) -> None:
    for name in FOLDERS:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        tar.addfile(entry)
    _add(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
    _add(tar, "sbin/init", INIT, 0o755)
    _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    _add(tar, "etc/group", b"root:x:0:\n")
    listed = subprocess.run([str(BUSYBOX), "--list"], check=True, capture_output=True, text=True)
    for applet in set(listed.stdout.split()) - {"busybox", "init"}:
        link = tarfile.TarInfo(f"bin/{applet}")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, BytesIO(content))
