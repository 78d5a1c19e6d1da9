"""What an app and its control plane go through on a bad day, in real containers."""

import base64
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

MARK = "marked-4f1c9b-secret"
ENCODED = base64.b64encode(MARK.encode()).decode()
# A class of one character keeps the mark itself off the command lines of the search.
PATTERN = f"{MARK.replace('-', '[-]')}|[{ENCODED[0]}]{ENCODED[1:-4]}"
HOLDERS = f"grep -lsaE '{PATTERN}' /proc/[0-9]*/environ | cut -d/ -f3"
ELSEWHERE = f"""grep -lsaE '{PATTERN}' /proc/[0-9]*/cmdline
grep -rlsaE '{PATTERN}' / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev --exclude-dir=usr
true"""
CGROUPS = Path("/sys/fs/cgroup")
PROCESS_LIMIT = 2000
OPERATION_FAILED = 9
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def signed_in(stead: Stead) -> Stead:
    stead.admin("cli-login")
    return stead


def guest_of(incus: Incus, name: str, making: Future[str] | None = None) -> str:
    """Wait for a deployment's guest; a command that failed to make it says why at once."""

    def look() -> str:
        if making is not None and making.done():
            making.result()
        return next((one for one in incus.instances() if one.startswith(f"{name}-")), "")

    return until(f"the guest of {name}", look, 90)


def inside(incus: Incus, guest: str, command: str) -> str:
    """Return what a command in a guest says; nothing while the guest is not running yet."""
    try:
        return incus.command("exec", guest, "--project", incus.project, "--", "sh", "-c", command)
    except RuntimeError as error:
        if "not running" in str(error):
            return ""
        raise


def processes(name: str) -> int:
    """Return how many processes the guest of this deployment has, as the kernel counts them."""
    # One folder per controller in version 1, a single tree in version 2.
    pattern = f"lxc.payload.*{name}-*/pids.current"
    for path in (*CGROUPS.glob(f"pids/{pattern}"), *CGROUPS.glob(pattern)):
        return int(path.read_text())
    return 0


@pytest.mark.release
def test_a_fork_bomb_fills_its_own_guest_only_and_is_ended(
    signed_in: Stead, incus: Incus, background: ThreadPoolExecutor
):
    bomb: Future[str] = background.submit(
        signed_in.cli, "deploy", "bomb", "--name", "bomb", code=OPERATION_FAILED
    )
    until("a full guest", lambda: bomb.done() or processes("bomb") > PROCESS_LIMIT / 4, 60)
    assert not bomb.done(), bomb.result()
    assert processes("bomb") <= PROCESS_LIMIT
    assert "is live" in signed_in.cli("deploy", "quick", "--name", "neighbour")
    assert "longer than 10 seconds" in bomb.result(120)
    assert not [name for name in incus.instances() if name.startswith("bomb-")]
    signed_in.cli("remove", "neighbour", "--yes")


@pytest.mark.release
def test_a_control_plane_killed_in_the_middle_of_a_script_loses_no_line(
    signed_in: Stead, incus: Incus, background: ThreadPoolExecutor
):
    watching: Future[str] = background.submit(
        signed_in.cli, "deploy", "patient", "--name", "killed"
    )
    guest = guest_of(incus, "killed", watching)
    until("the script", lambda: "before" in inside(incus, guest, STARTED), 90)
    signed_in.kill_serve()
    inside(incus, guest, "touch /root/go")
    until("the script's end", lambda: "index" in inside(incus, guest, PAGE), 60)
    signed_in.start_serve()
    said = watching.result(120).splitlines()
    numbers = [int(line) for line in map(str.strip, said) if line.isdigit()]
    assert numbers == list(range(1, 501))
    assert "killed is live" in said
    signed_in.cli("remove", "killed", "--yes")


STARTED = "cat /var/lib/stead-agent/jobs/*/output.jsonl 2>/dev/null || true"
PAGE = "ls /srv/patient 2>/dev/null || true"


@pytest.mark.release
def test_a_secret_is_in_a_guest_only_in_the_environment_of_its_script(
    signed_in: Stead, incus: Incus
):
    body = {"app": "patient", "name": "secretive", "inputs": {"password": MARK}}
    with signed_in.api() as api:
        accepted = api.post("/api/v1/deployments", json=body)
    assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
    guest = guest_of(incus, "secretive")
    until("the script", lambda: "before" in inside(incus, guest, STARTED), 90)
    holders = inside(incus, guest, HOLDERS).split()
    names = {inside(incus, guest, f"cat /proc/{pid}/comm || true").strip() for pid in holders}
    assert {"install.sh"} <= names <= {"install.sh", "sleep", ""}
    assert inside(incus, guest, ELSEWHERE) == ""
    inside(incus, guest, "touch /root/go")
    operation = f"/api/v1/operations/{accepted.json()['operation_id']}"
    with signed_in.api() as api:
        until("its end", lambda: api.get(operation).json()["ended"], 60)
    assert inside(incus, guest, HOLDERS + "; true") == ""
    assert inside(incus, guest, ELSEWHERE) == ""
    signed_in.cli("remove", "secretive", "--yes")
