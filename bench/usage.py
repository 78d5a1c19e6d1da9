"""What processes use of the machine's processors and memory, and what others use meanwhile."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bench import machine

TICK = os.sysconf("SC_CLK_TCK")
# Of everything that runs: user, nice, system, irq, softirq.
BUSY = (1, 2, 3, 6, 7)
LOOK_SECONDS = 0.02
Groups = Mapping[str, Sequence[int]]


def used(groups: Groups) -> dict[str, float]:
    """Return the seconds of processor that each group has used, with its children, and others.

    ``watch`` is this process.
    """
    found = {name: sum(_seconds(pid) for pid in pids) for name, pids in groups.items()}
    found["watch"] = time.process_time()
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return found | {"others": sum(int(fields[n]) for n in BUSY) / TICK - sum(found.values())}


def shares(
    before: Mapping[str, float], after: Mapping[str, float], took: float
) -> dict[str, float]:
    """Return how much of one core each used meanwhile, in percent."""
    return {name: (after[name] - before[name]) / took * 100 for name in before}


def resident(pids: Sequence[int]) -> float:
    """Return the memory of processes in MB, without that of their children."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def server_of(url: str) -> list[int]:
    """Return the process of the PostgreSQL at this address, none for another database."""
    port = urlsplit(url).port
    for entry in Path("/proc").iterdir() if port else ():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/postgres") and str(port).encode() in words:
                return [int(entry.name)]
    return []


async def lag(late: list[float]) -> None:
    """Note until cancelled by how many milliseconds our own timers are late."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        late.append((time.monotonic() - began - LOOK_SECONDS) * 1000)


def p95(late: list[float]) -> float:
    """Return what 95 of 100 were below, 0 for none."""
    return machine.p95(late) if late else 0.0


def _seconds(pid: int) -> float:
    """Return what a process used, and those that it started, whether they still live or not."""
    own = _fields(pid)
    if not own:
        return 0.0
    living = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    children = sum(sum(_fields(int(child))[11:13]) for child in living)
    return (sum(own[11:15]) + children) / TICK


def _fields(pid: int) -> list[int]:
    """Return the numbers in a process's state, from the third on; none when it has gone."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [0, *(int(word) for word in words[1:])]
    return []
