"""From the request to the first 200 through the edge, paired with the same work by hand.

By hand means: the incus client creates and starts the same container, runs the same scripts
in it and asks it directly. What Stead adds on top of that is the control plane's share:
reserving, addresses, firewall, enrolment, signed jobs, logs, certificate, route and probe.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from tests.conftest import TEST_PACKAGES
from tests.support.incus import ROOT, Incus, running_incus
from tests.support.stead import Stead
from tests.support.waiting import until

from stead.catalog import public as catalog

ENVIRONMENT = {
    "quick": {
        "TEXT": "it works",
        "CHECK_PASSES": "true",
        "INSTALL_PASSES": "true",
        "PASSWORD": "bench-only",
    },
    "static-site": {"TITLE": "Bench", "TEXT": "It works"},
}
ENGINE, BOOT, SCRIPTS = ("create", "token", "start"), ("enrol",), ("install", "check")


def main() -> int:
    """Run the pairs and print what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", default="quick", choices=sorted(ENVIRONMENT))
    parser.add_argument("--runs", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        images = folder / "image"
        subprocess.run([str(ROOT / "script" / "base-image"), str(images)], check=True)
        with running_incus(Path("/var/lib/stead-test/bench"), images) as incus:
            pairs = _pairs(folder, incus, chosen.app, chosen.runs)
    return _report(chosen.app, pairs)


def _pairs(folder: Path, incus: Incus, app: str, runs: int) -> list[dict[str, float]]:
    stead = Stead(folder / "stead", incus, network="10.94.0.0/16", packages=(TEST_PACKAGES,))
    stead.prepare()
    try:
        stead.start()
        _by_stead(stead, app, 0)  # the image is unpacked and the network made once, for both
        network = incus.networks()[0]
        pairs = []
        for number in range(1, runs + 1):
            pair = {**_by_stead(stead, app, number), **_by_hand(incus, network, app, number)}
            pairs.append(pair)
            sys.stdout.write(
                f"  pair {number:>2}: stead {pair['stead']:.2f} s, by hand {pair['hand']:.2f} s\n"
            )
            sys.stdout.flush()
        return pairs
    finally:
        stead.stop()


def _by_stead(stead: Stead, app: str, number: int) -> dict[str, float]:
    name = f"b{number}"
    url = f"https://{name}.apps.stead.localhost:{stead.https_port}/"
    with stead.api() as api, stead.http() as browser:
        began = time.monotonic()
        accepted = api.post("/api/v1/deployments", json={"app": app, "name": name})
        accepted.raise_for_status()
        answered = time.monotonic() - began
        path = f"/api/v1/operations/{accepted.json()['operation_id']}"
        with api.stream("GET", f"{path}/events") as events:
            for line in events.iter_lines():
                if line == "event: end":
                    break
        browser.get(url).raise_for_status()
        total = time.monotonic() - began
        steps = api.get(path).json()["steps"]
        found = api.get("/api/v1/deployments").json()[0]["id"]
        gone = api.delete(f"/api/v1/deployments/{found}").json()["operation_id"]
        until("the removal", lambda: api.get(f"/api/v1/operations/{gone}").json()["ended"])
    return {
        "stead": total,
        "accepted": answered,
        "engine": _took(steps, ENGINE),
        "boot": _took(steps, BOOT),
        "scripts": _took(steps, SCRIPTS),
    }


def _by_hand(incus: Incus, network: str, app: str, number: int) -> dict[str, float]:
    name = f"h{number}"
    package = catalog.load([TEST_PACKAGES, catalog.BUILT_IN]).get(app)
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        archive.write(package.archive)
        archive.flush()
        began = time.monotonic()
        incus.command(
            "create",
            "stead-base",
            name,
            "--project",
            "stead",
            "--storage",
            "stead",
            "--network",
            network,
            "--config",
            "limits.memory=512MiB",
            "--config",
            "limits.cpu.allowance=100ms/100ms",
        )
        incus.command(
            "file", "push", archive.name, f"{name}/root/package.tar", "--project", "stead"
        )
        incus.command("start", name, "--project", "stead")
        engine = time.monotonic() - began
        until("systemd in the guest", lambda: _booted(incus, name), 30)
        booted = time.monotonic() - began
    script = (
        "mkdir -p /root/package && tar -xf /root/package.tar -C /root/package && cd /root/package"
    )
    script += "".join(f" && bash ./{part}" for part in ("install.sh", "check.sh"))
    words = [f"--env={key}={value}" for key, value in ENVIRONMENT[app].items()]
    incus.command(
        "exec",
        name,
        "--project",
        "stead",
        "--env=DEBIAN_FRONTEND=noninteractive",
        *words,
        "--",
        "sh",
        "-c",
        script,
    )
    address = _address(incus, name)
    httpx.get(f"http://{address}/", timeout=5).raise_for_status()
    total = time.monotonic() - began
    incus.command("delete", "--force", name, "--project", "stead")
    return {"hand": total, "hand_engine": engine, "hand_boot": booted - engine}


def _booted(incus: Incus, name: str) -> bool:
    probe = ["systemctl", "is-active", "--quiet", "network-online.target", "multi-user.target"]
    done = subprocess.run(
        ["incus", "exec", name, "--project", "stead", "--", *probe],
        env={**os.environ, "INCUS_DIR": str(incus.folder)},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _address(incus: Incus, name: str) -> str:
    def look() -> str:
        rows = json.loads(incus.command("list", name, "--project", "stead", "--format", "json"))
        addresses = rows[0]["state"]["network"]["eth0"]["addresses"]
        return next((a["address"] for a in addresses if a["family"] == "inet"), "")

    return until("an address by DHCP", look, 30)


def _took(steps: list[dict[str, Any]], names: tuple[str, ...]) -> float:
    return sum(
        (
            datetime.fromisoformat(s["finished_at"]) - datetime.fromisoformat(s["started_at"])
        ).total_seconds()
        for s in steps
        if s["name"] in names
    )


def _report(app: str, pairs: list[dict[str, float]]) -> int:
    def median(key: str) -> float:
        return statistics.median(pair[key] for pair in pairs)

    added = statistics.median(pair["stead"] - pair["hand"] for pair in pairs)
    target = max(0.1 * median("hand"), 1.0)
    rows = (
        ("request to first 200, by Stead", median("stead")),
        ("  accepted after", median("accepted")),
        ("  engine: create, hand over token, start", median("engine")),
        ("  guest boots, agent enrols", median("boot")),
        ("  install and check, as signed jobs", median("scripts")),
        ("the same by hand with the incus client", median("hand")),
        ("  create, push, start", median("hand_engine")),
        ("  guest boots", median("hand_boot")),
        ("control plane on top (median of pairs)", added),
    )
    sys.stdout.write(f"\n{app}, {len(pairs)} pairs, medians\n")
    for title, value in rows:
        sys.stdout.write(f"  {title:<44} {value:7.3f} s\n")
    result = {
        "name": "thread",
        "app": app,
        "pairs": len(pairs),
        "value": round(added, 3),
        "unit": "s on top of the engine's own work",
        "ratio": round(median("stead") / median("hand"), 3),
        "target": round(target, 3),
        "ok": added <= target,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
