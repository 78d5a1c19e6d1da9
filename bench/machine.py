"""How fast and how busy the machine is that a benchmark ran on, said beside its figures.

Others may use the machine too: the share of a core says how much a busy loop was given, and
the sync how long the disk took for what every commit asks of it.
"""

import os
import time
from pathlib import Path
from typing import Any

LOOPS = 2_000_000
SYNCS = 60


def look(folder: Path) -> dict[str, Any]:
    """Return load, the share of a core that we get, and how long a sync takes there."""
    return {
        "load": round(os.getloadavg()[0], 1),
        "core_share": round(_core_share(), 2),
        "sync_p95_ms": round(_sync_p95(folder), 2),
    }


def tell(seen: dict[str, Any]) -> str:
    """Say it in a line of a table."""
    return (
        f"  machine: load {seen['load']}, a busy loop got {seen['core_share']:.0%} of a core,"
        f" sync p95 {seen['sync_p95_ms']} ms\n"
    )


def p95(took: list[float]) -> float:
    """Return what 95 of 100 stay below."""
    return sorted(took)[int(len(took) * 0.95)]


def _core_share() -> float:
    wall, processor = time.monotonic(), time.process_time()
    for _ in range(LOOPS):
        pass
    return (time.process_time() - processor) / (time.monotonic() - wall)


def _sync_p95(folder: Path) -> float:
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(b"x" * 4096)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1000)
    (folder / "sync").unlink()
    return p95(took)
