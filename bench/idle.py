"""What everything costs while nobody asks for anything: CPU and memory of each process."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.incus import ROOT, running_incus
from tests.support.stead import Stead

CPU_TARGET, MEMORY_TARGET, ALL_TARGET = 3.0, 200.0, 450.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Start a Stead, leave it alone, and print what it used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch) / "image"
        subprocess.run([str(ROOT / "script" / "base-image"), str(images)], check=True)
        with running_incus(Path("/var/lib/stead-test/bench"), images) as incus:
            stead = Stead(Path(scratch) / "stead", incus, network="10.94.0.0/16")
            stead.prepare()
            try:
                stead.start()
                daemon = int((incus.folder / "incusd.pid").read_text())
                pids = {name: p.pid for name, p in stead.processes.items()} | {"incus": daemon}
                pids |= _proxies(stead.folder)
                rows = _watch(pids, seconds)
            finally:
                stead.stop()
    return _report(rows, seconds)


def _proxies(folder: Path) -> dict[str, int]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        for name in ("traefik", "nginx"):
            if str(folder) in words and name in words:
                found[f"{name} {entry.parent.name}"] = int(entry.parent.name)
    return found


def _watch(pids: dict[str, int], seconds: int) -> dict[str, tuple[float, float]]:
    time.sleep(5)
    before = {name: _ticks(pid) for name, pid in pids.items()}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    return {
        name: ((_ticks(pid) - before[name]) / TICKS / passed * 100, _resident(pid))
        for name, pid in pids.items()
    }


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _report(rows: dict[str, tuple[float, float]], seconds: int) -> int:
    sys.stdout.write(f"idle for {seconds} s\n")
    for name, (cpu, memory) in rows.items():
        sys.stdout.write(f"  {name:<16} {cpu:5.2f} % of a core {memory:7.1f} MB\n")
    cpu, memory = rows["serve"]
    everything = sum(memory for _, memory in rows.values())
    sys.stdout.write(
        f"  {'all':<16} {sum(c for c, _ in rows.values()):5.2f} % {everything:16.1f} MB\n"
    )
    result = {
        "name": "idle",
        "value": round(cpu, 2),
        "unit": "% of a core, stead serve",
        "memory_mb": round(memory, 1),
        "all_memory_mb": round(everything, 1),
        "target": CPU_TARGET,
        "ok": cpu < CPU_TARGET and memory < MEMORY_TARGET and everything < ALL_TARGET,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
