"""How long the API takes to accept a deployment, at 20 a second, while it makes them."""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from tests.conftest import TEST_PACKAGES
from tests.support.stead import Stead
from tests.support.waiting import until

from bench import machine
from bench.start import database

RATE = 20
TARGET = 50.0


def main() -> int:
    """Send requests at a fixed rate, whatever the answers take, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    # A project's network holds 182 guests besides those that their neighbours may reach.
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--speed", type=float, default=1, help="of the simulated engine")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, database(chosen.postgresql) as url:
        seen = machine.look(Path(scratch))
        stead = Stead(
            Path(scratch),
            None,
            network="10.93.0.0/16",
            packages=(TEST_PACKAGES,),
            speed=chosen.speed,
            database=url,
        )
        stead.prepare()
        try:
            stead.start()
            with stead.api() as api:
                headers = dict(api.headers)
                until("the API", lambda: api.get("/api/v1/deployments").is_success)
            before = _cpu(stead)
            found = asyncio.run(_send(str(api.base_url), headers, chosen.requests))
            seen["server_cpu_ms"] = round((_cpu(stead) - before) / len(found) * 1000, 1)
            seen["database"] = "PostgreSQL" if chosen.postgresql else "SQLite"
        finally:
            stead.stop()
    return _report(found, chosen.speed, seen)


def _cpu(stead: Stead) -> float:
    """Return what the serving process has used; it accepts, works and plays the guests."""
    fields = Path(f"/proc/{stead.processes['serve'].pid}/stat").read_text().rpartition(")")[2]
    return sum(int(ticks) for ticks in fields.split()[11:13]) / os.sysconf("SC_CLK_TCK")


async def _send(url: str, headers: dict[str, str], count: int) -> list[tuple[int, float]]:
    limits = httpx.Limits(max_connections=RATE * 2)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=30, trust_env=False
    ) as api:
        await _ask(api, "warm")
        began = time.monotonic()
        tasks = []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            tasks.append(asyncio.create_task(_ask(api, f"b{number}")))
        return await asyncio.gather(*tasks)


async def _ask(api: httpx.AsyncClient, name: str) -> tuple[int, float]:
    began = time.monotonic()
    answer = await api.post("/api/v1/deployments", json={"app": "quick", "name": name})
    return answer.status_code, (time.monotonic() - began) * 1000


def _report(found: list[tuple[int, float]], speed: float, seen: dict[str, Any]) -> int:
    took = sorted(ms for _, ms in found)
    accepted = sum(status == httpx.codes.ACCEPTED for status, _ in found)
    p95 = machine.p95(took)
    sys.stdout.write(
        f"{len(found)} deployments asked for at {RATE} a second, {seen['database']}, simulated"
        f" engine at {speed:g} times its speed\n"
        f"{machine.tell(seen)}"
        f"  accepted {accepted}, median {statistics.median(took):.1f} ms,"
        f" p95 {p95:.1f} ms, slowest {took[-1]:.1f} ms\n"
        f"  the server used {seen['server_cpu_ms']} ms of a core for each while they were asked"
        " for, making them included\n"
    )
    result = {
        "name": "accept",
        "value": round(p95, 1),
        "unit": "ms, p95",
        "accepted": accepted,
        "asked": len(found),
        "target": TARGET,
        **seen,
        "ok": p95 < TARGET and accepted == len(found),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
