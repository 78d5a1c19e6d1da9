"""An hour-old copy is restored over a world that went on: nobody's guest comes or goes.

Everything is real: engine, edge, agents, the command line. The copy is taken while three
deployments are under way; then they end, another one is made and one is removed.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import TEST_PACKAGES
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

pytestmark = pytest.mark.e2e
# The agents of these have not enrolled yet, so the copy does not know their keys.
POINT = "deployment.deploy/start/started"
OPEN = ("adopted", "undone", "forgotten")


class World(Stead):
    """A Stead, and what happened around its copy."""

    def serve_until(self, point: str) -> None:
        """Start a server that dies at a point of a plan."""
        script = str(Path(__file__).with_name("serve_until.py"))
        self.start_serve([sys.executable, script, point])

    def deploy(self, name: str) -> str:
        """Ask for a deployment and return its operation."""
        with self.api() as api:
            answer = api.post("/api/v1/deployments", json={"app": "quick", "name": name})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["operation_id"])

    def get(self, path: str) -> Any:
        """Read from the API."""
        with self.api() as api:
            answer = api.get(path)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def ended(self, operation: str) -> str:
        """Wait for an operation's end and return its state."""

        def look() -> Any:
            found = self.get(f"/api/v1/operations/{operation}")
            return found["state"] if found["ended"] else None

        return str(until(f"the end of {operation}", look, 120))

    def status(self, name: str) -> int:
        """Return what a visitor of an app gets; 0 when the edge does not know its name."""
        with self.http() as http:
            try:
                url = f"https://{name}.apps.stead.localhost:{self.https_port}/"
                return http.get(url).status_code
            except httpx.ConnectError:
                return 0

    def ready(self) -> None:
        """Wait until the console answers through the edge."""
        until("the console", self.console_answers, 60)


def guests(incus: Incus) -> dict[str, tuple[str, str]]:
    """Return every guest with its identity and whether it runs."""
    rows = json.loads(incus.command("list", "--project", incus.project, "--format", "json"))
    return {row["name"]: (row["config"]["volatile.uuid"], row["status"]) for row in rows}


def guest_of(found: dict[str, tuple[str, str]], name: str) -> str:
    """Return the one guest of a deployment."""
    (native,) = [guest for guest in found if guest.startswith(f"{name}-")]
    return native


@pytest.fixture
def world(incus: Incus, tmp_path: Path) -> Iterator[World]:
    one = World(
        tmp_path, incus, network="10.106.0.0/16", packages=(TEST_PACKAGES,), tcp_first=26000
    )
    one.prepare()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.mark.release
@pytest.mark.timeout(600)
def test_no_guest_is_made_or_deleted_until_a_person_decides(world: World, incus: Incus):
    for name in ("kept", "removed"):
        assert world.ended(world.deploy(name)) == "succeeded"
    copy, started = _copy_while_three_are_under_way(world)
    _an_hour_passes(world, started)
    before = guests(incus)
    _restore(world, copy)

    found = until("a look at the engine", lambda: _looked(world), 60)
    assert guests(incus) == before, "nothing was made, deleted, started or stopped"
    waiting = {one["operation_id"]: one for one in found["decisions"]}
    assert set(waiting) == set(started.values())
    for name, operation in started.items():
        one = waiting[operation]
        assert (one["guest"], one["presence"]) == (guest_of(before, name), "running")
        assert one["choices"] == ["adopt", "undo", "forget"]
    assert [one["guest"] for one in found["unknown"]] == [guest_of(before, "later")]
    assert [one["deployment"] for one in found["missing"]] == ["removed"]
    until("the app that was there before", lambda: world.status("kept") == httpx.codes.OK, 60)

    _adopt(world, incus, before, started["adopted"])
    _undo(world, incus, started["undone"])
    _forget(world, incus, before, started["forgotten"])
    said = world.cli("restored", "--look")
    assert f"unknown guest  {guest_of(before, 'forgotten')}" in said
    assert world.get("/api/v1/platform/restore")["decisions"] == []
    _life_goes_on(world, incus)


def _copy_while_three_are_under_way(world: World) -> tuple[Path, dict[str, str]]:
    world.api().close()
    world.processes["serve"].terminate()
    world.processes.pop("serve").wait(20)
    world.serve_until(POINT)
    world.ready()
    started = {name: world.deploy(name) for name in OPEN}
    until("the server's death", lambda: world.processes["serve"].poll() is not None, 60)
    world.processes.pop("serve")
    target = world.folder / "old.copy"
    said = world.admin("backup", str(target))
    assert "recovery key" in said
    assert "recovery key" not in world.admin("backup"), "it is shown once"
    return target, started


def _an_hour_passes(world: World, started: dict[str, str]) -> None:
    world.start_serve()
    world.ready()
    for operation in started.values():
        assert world.ended(operation) == "succeeded"
    assert world.ended(world.deploy("later")) == "succeeded"
    assert "removed is gone" in world.cli("remove", "removed", "--yes")


def _restore(world: World, copy: Path) -> None:
    said = world.cli("admin", "restore", str(copy), code=1)
    assert "already serves" in said
    process = world.processes.pop("serve")
    process.terminate()
    process.wait(20)
    said = world.admin("restore", str(copy))
    assert "3 operations were open" in said
    assert "tokens are suspended" in said
    world.start_serve()
    world.ready()
    with world.api() as api:
        refused = api.get("/api/v1/platform/restore")
    assert refused.json()["code"] == "token.suspended"
    world.token = ""  # the command line signs in again when it is next needed


def _looked(world: World) -> Any:
    found = world.get("/api/v1/platform/restore")
    return found if found["looked_at"] else None


def _adopt(world: World, incus: Incus, before: dict[str, tuple[str, str]], operation: str) -> None:
    world.cli("decide", operation, "adopt")
    guest = guest_of(before, "adopted")
    assert guests(incus)[guest] == before[guest], "the same container"
    until("the app that was adopted", lambda: world.status("adopted") == httpx.codes.OK, 60)
    (found,) = [d for d in world.get("/api/v1/deployments") if d["name"] == "adopted"]
    assert found["state"] == "live"
    assert world.get(f"/api/v1/operations/{operation}")["state"] == "settled"
    # Its agent is heard again: removing what was adopted goes through it and the engine.
    assert "adopted is gone" in world.cli("remove", "adopted", "--yes")
    assert guest not in guests(incus)


def _undo(world: World, incus: Incus, operation: str) -> None:
    said = world.cli("decide", operation, "undo")
    assert "taken away" in said
    assert not [name for name in guests(incus) if name.startswith("undone-")]
    until("the end of its route", lambda: world.status("undone") in {0, httpx.codes.NOT_FOUND}, 60)


def _forget(
    world: World, incus: Incus, before: dict[str, tuple[str, str]], operation: str
) -> None:
    world.cli("decide", operation, "forget")
    guest = guest_of(before, "forgotten")
    assert guests(incus)[guest] == before[guest], "left alone"
    assert [d["name"] for d in world.get("/api/v1/deployments")] == ["kept", "removed"]
    said = world.cli("decide", operation, "undo", code=6)
    assert "does not wait for a decision" in said


def _life_goes_on(world: World, incus: Incus) -> None:
    """Addresses of guests that nobody here knows are not given out again."""
    assert "removed is gone" in world.cli("remove", "removed", "--yes")
    for name in ("fresh", "newer"):
        assert world.ended(world.deploy(name)) == "succeeded"
        until(f"the app {name}", lambda name=name: world.status(name) == httpx.codes.OK, 60)
    rows = json.loads(incus.command("list", "--project", incus.project, "--format", "json"))
    addresses = [row["devices"]["eth0"]["ipv4.address"] for row in rows]
    assert len(set(addresses)) == len(addresses) == 5
