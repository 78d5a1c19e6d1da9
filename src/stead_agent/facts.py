"""What a machine says about itself when a job asks for facts."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
from pathlib import Path

from stead_agent import VERSION, requirements

PROC = Path("/proc")
_MB = 1024


def collect() -> dict[str, str]:
    """Return names and values; what cannot be read is left out."""
    release = requirements.read_release()
    disk = shutil.disk_usage("/")
    found = {
        "hostname": socket.gethostname(),
        "system": release.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processors": str(os.cpu_count() or ""),
        "load": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "memory": _memory(),
        "disk": f"{disk.used // 2**20} of {disk.total // 2**20} MB used",
        "uptime": _uptime(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "addresses": _addresses(),
        "agent": VERSION,
    }
    return {name: value for name, value in found.items() if value}


def total_memory_mb() -> int:
    """Return how much memory the machine has; 0 where that cannot be read."""
    return _memory_sizes().get("MemTotal", 0)


def _memory_sizes() -> dict[str, int]:
    sizes = {}
    for line in _read("meminfo").splitlines():
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) // _MB if rest.split() else 0
    return sizes


def _memory() -> str:
    sizes = _memory_sizes()
    if "MemTotal" not in sizes:
        return ""
    free = sizes.get("MemAvailable", 0)
    return f"{sizes['MemTotal'] - free} of {sizes['MemTotal']} MB used"


def _uptime() -> str:
    seconds = _read("uptime").partition(".")[0]
    return f"{seconds} s" if seconds.isdigit() else ""


def _addresses() -> str:
    found: dict[str, None] = {}
    address = ""
    for line in _read("net/fib_trie").splitlines():
        if "/32 host LOCAL" in line and not address.startswith("127."):
            found[address] = None
        address = line.split()[-1] if line.split() else ""
    return ", ".join(found)


def _read(name: str) -> str:
    try:
        return (PROC / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
