"""From a fresh Debian machine to an app over HTTPS and back, with and without systemd."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quickstart.nested import Host, Machine
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(900)]
SIGN_IN = r"https://(console\.stead\.localhost)(/sign-in/\S{30,})"
WELCOME = "welcome.apps.stead.localhost"
STATE = """
cat /var/lib/stead-install/made
cat /etc/stead/*
systemctl show -p MainPID stead stead-edge 2>/dev/null || cat /run/stead/*.pid
incus list --all-projects -f csv -c n
"""


class Clock:
    """Prints how long each part took."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self._name, self._tell = name, tell

    def measure(self, what: str, work: Callable[[], str]) -> str:
        began = time.monotonic()
        said = work()
        self._tell(f"{self._name}: {what}: {time.monotonic() - began:.1f} s")
        return said


def answers(machine: Machine, ca: Path, host: str, path: str = "/") -> bool:
    """Ask from outside the machine, trusting nothing but its authority."""
    route = f"{host}:443:{machine.address()}"
    curl = ("curl", "-m", "20", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", route)
    command = [*curl, "--cacert", str(ca), f"https://{host}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode == 0 and done.stdout == "200"


def live(machine: Machine, name: str) -> bool:
    rows = machine.run("stead", "list")
    return any(row.split()[:1] == [name] for row in rows.splitlines())


@pytest.mark.parametrize("init", ["systemd", "no-systemd"])
def test_a_fresh_machine_gets_an_app_and_is_left_as_found(
    host: Host, init: str, tell: Callable[[str], None], tmp_path: Path
):
    clock, ca = Clock(init, tell), tmp_path / "ca.pem"
    systemd = init == "systemd"
    machine = host.machine(f"qstest-{init}", systemd=systemd, trusted=systemd)
    before = set(machine.snapshot())

    if not systemd:
        clock.measure("quickstart, killed", lambda: machine.quickstart_killed(after=12))
    said = clock.measure("quickstart", machine.quickstart)
    tell(said)
    ca.write_text(machine.run("cat", "/var/lib/stead/ca.pem"))
    assert answers(machine, ca, WELCOME)
    link = re.search(SIGN_IN, said)
    assert link is not None
    assert answers(machine, ca, link[1], link[2])

    state = machine.run("sh", "-c", STATE)
    clock.measure("quickstart again", machine.quickstart)
    assert machine.run("sh", "-c", STATE) == state

    clock.measure("deploy redis", lambda: machine.run("stead", "deploy", "redis", seconds=200))
    assert live(machine, "redis")
    clock.measure("remove", lambda: machine.run("stead", "remove", "redis", "--yes"))
    assert not live(machine, "redis")
    assert answers(machine, ca, WELCOME)

    clock.measure("stop", lambda: machine.quickstart("--stop"))
    assert not answers(machine, ca, WELCOME)
    clock.measure("start", lambda: machine.quickstart("--start"))
    assert answers(machine, ca, WELCOME)

    clock.measure("uninstall", lambda: machine.quickstart("--uninstall", "--yes"))
    assert set(machine.snapshot()) ^ before == set()
    host.incus("delete", "--force", machine.name)


def test_a_machine_that_cannot_run_containers_hears_why_and_may_simulate(
    host: Host, tmp_path: Path
):
    machine = host.machine("qstest-bare", systemd=True, trusted=False, nesting=False)
    before = set(machine.snapshot())
    said = machine.quickstart_fails("setpriv", "--bounding-set=-sys_admin")
    assert "lacks the capability CAP_SYS_ADMIN" in said
    said = machine.quickstart_fails()
    assert "Containers cannot start here: " in said
    assert "canary.log" in said
    assert "script/quickstart --simulator" in said
    machine.quickstart("--uninstall", "--yes")
    said = machine.quickstart("--simulator")
    assert "none of them runs" in said
    ca = tmp_path / "ca.pem"
    ca.write_text(machine.run("cat", "/var/lib/stead/ca.pem"))
    link = re.search(SIGN_IN, said)
    assert link is not None
    # Nothing was asked from outside yet, as it was where apps run: the edge may still be at it.
    until("the link to answer", lambda: answers(machine, ca, link[1], link[2]), 60)
    assert live(machine, "welcome")
    assert "none of them runs" in machine.quickstart(), "it stays what it is"
    machine.quickstart("--uninstall", "--yes")
    assert set(machine.snapshot()) ^ before == set()
    host.incus("delete", "--force", machine.name)
