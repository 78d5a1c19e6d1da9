"""Create and start containers by our driver, by Incus's own client and by raw HTTP, in turns.

All three ask the same daemon for the same guest. The driver goes the way that the product
goes, over HTTPS with a restricted certificate; the client and raw HTTP use the unix socket.
Each round is one of each, in another order, so that a busy machine slows all of them.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from tests.support.busybox import build_busybox
from tests.support.incus import ROOT, Incus, running_incus

from bench import launching, machine
from bench.launching import Way

TARGET, RATE_TARGET, MANY = 1.10, 1.0, 8
NETWORK = IPv4Network("10.135.0.0/22")
FOLDER = Path("/var/lib/stead-test/bench-engine")
SMALL, DEBIAN = "stead-base", "bench-debian"


@dataclass(frozen=True)
class Compared:
    """One image at one concurrency: seconds of each round by each way."""

    image: str
    at_once: int
    seconds: dict[Way, list[float]]

    def times(self, other: Way) -> tuple[float, float, float]:
        """Return how many times the driver takes of another way: median and quartiles."""
        ours, theirs = self.seconds[Way.DRIVER], self.seconds[other]
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        first, _, third = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        return round(median(ratios), 3), round(first, 3), round(third, 3)

    def rate(self, way: Way) -> float:
        """Return guests a second."""
        return self.at_once / median(self.seconds[way])


def main() -> int:
    """Measure both images alone and eight at once, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--debian", type=Path, help="a folder with the base image, if there is")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seen = machine.look(Path(scratch))
        small = build_busybox(Path(scratch) / "busybox")
        debian = chosen.debian or _build(Path(scratch) / "debian")
        with running_incus(FOLDER, small) as incus:
            launching.import_image(incus, debian, DEBIAN)
            rows = asyncio.run(_measure(incus, chosen.rounds))
    return _report(rows, chosen.rounds, seen)


def _build(folder: Path) -> Path:
    subprocess.run([str(ROOT / "script" / "base-image"), str(folder)], check=True)
    return folder


async def _measure(incus: Incus, rounds: int) -> list[Compared]:
    found = []
    async with launching.ways(incus, NETWORK) as launchers:
        for image, share in ((SMALL, 1), (DEBIAN, 2)):
            for at_once in (1, MANY):
                count = max(3, rounds // share // (1 if at_once == 1 else 2))
                seconds: dict[Way, list[float]] = {way: [] for way in Way}
                # The first guest of an image unpacks it; that belongs to none of them.
                await launchers.launch(Way.RAW, image, 1)
                for number in range(count):
                    for way in _turned(number):
                        seconds[way].append(await launchers.launch(way, image, at_once))
                found.append(Compared(image, at_once, seconds))
    return found


def _turned(number: int) -> Iterator[Way]:
    ways = list(Way)
    return (ways[(number + step) % len(ways)] for step in range(len(ways)))


def _report(rows: list[Compared], rounds: int, seen: dict[str, Any]) -> int:
    sys.stdout.write(f"create and start on Incus, {rounds} rounds of the small image alone\n")
    sys.stdout.write(machine.tell(seen))
    details: dict[str, Any] = {}
    for one in rows:
        name = f"{'small' if one.image == SMALL else 'debian'} x{one.at_once}"
        took = "  ".join(f"{way} {median(one.seconds[way]) * 1000:6.0f} ms" for way in Way)
        sys.stdout.write(f"  {name:<10} {took}\n")
        for other in (Way.CLIENT, Way.RAW):
            middle, first, third = one.times(other)
            sys.stdout.write(
                f"  {'':<10} driver takes {middle:.2f} of {other} (quartiles {first:.2f} to"
                f" {third:.2f}), {one.rate(Way.DRIVER):.1f} against {one.rate(other):.1f} a"
                " second\n"
            )
            details[f"{name} of {other}"] = {"median": middle, "quartiles": [first, third]}
    alone = max(one.times(Way.CLIENT)[0] for one in rows if one.at_once == 1)
    many = max(one.times(Way.CLIENT)[0] for one in rows if one.at_once == MANY)
    result = {
        "name": "engine-incus",
        "value": alone,
        "unit": "of the client's time, one at once, the worse image",
        "target": TARGET,
        "rate_at_8": round(1 / many, 3),
        "rate_target": RATE_TARGET,
        "ratios": details,
        **seen,
        "ok": alone <= TARGET and 1 / many >= RATE_TARGET,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
