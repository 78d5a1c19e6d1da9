"""The server is killed with -9 at every point of deploy and remove; nothing is lost or left.

Points are enumerated from the plans themselves, so a new step is covered by being there.
"""

import itertools
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from tests.conftest import TEST_PACKAGES
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

from stead.deployments import workflows

pytestmark = pytest.mark.e2e
FORWARD = ("started", "effected", "recorded")
OWNED = {
    "deployment": "select * from deployment",
    "instance": "select * from instance",
    "address": "select * from address",
    "claim": "select * from claim",
    "agent": "select * from agent",
    "enrolment": "select * from enrolment",
    "route": "select * from route where owner != 'console'",
    "certificate": "select * from certificate where host not like 'console.%'",
    "secret": "select * from secret where owner not in"
    " (select id from certificate where host like 'console.%')",
}


def _steps(plan: str) -> list[str]:
    made = workflows.deploy_plan if plan == "deploy" else workflows.remove_plan
    return [step.name for step in made(Mock()).steps]


DEPLOY = [f"deployment.deploy/{s}/{p}" for s, p in itertools.product(_steps("deploy"), FORWARD)]
REMOVE = [f"deployment.remove/{s}/{p}" for s, p in itertools.product(_steps("remove"), FORWARD)]
UNDO = [f"deployment.deploy/{s}/undone" for s in reversed(_steps("deploy")) if s != "probe"]


class Mortal(Stead):
    """A Stead whose server is started again whenever it died."""

    @property
    def order(self) -> Path:
        """Return the file that says where to die."""
        return self.folder / "die-at"

    def start_mortal(self) -> None:
        """Start the server that comes back whenever it was killed."""
        script = str(Path(__file__).with_name("serve_and_die.py"))
        self.start_serve([sys.executable, script, str(self.order)])

    def ended(self, operation: str) -> dict[str, object] | None:
        """Return an operation once it has ended; the server may be away meanwhile."""
        try:
            with self.api() as api:
                answer = api.get(f"/api/v1/operations/{operation}")
        except httpx.TransportError:
            return None
        found: dict[str, object] = answer.json()
        return found if found.get("ended") else None

    def run_to_end(self, answer: httpx.Response, point: str) -> dict[str, object]:
        """Follow an operation to its end and see that the kill really happened on the way."""
        operation = answer.json()["operation_id"]
        found = until(
            f"the end of an operation killed at {point}", lambda: self.ended(operation), 90
        )
        assert self.order.read_text() == "", f"never reached {point}"
        return found

    def ask(self, method: str, path: str, **content: object) -> httpx.Response:
        """Send a request that must be accepted, by the next server if the last one just died."""

        answer = self.answered(method, path, **content)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return answer

    def answered(self, method: str, path: str, **content: object) -> httpx.Response:
        """Return an answer, of the next server if the last one just died."""

        def send() -> httpx.Response | None:
            try:
                with self.api() as api:
                    return api.request(method, path, **content)
            except httpx.ConnectError:
                return None

        answer = until("a server", send, 60)
        assert answer is not None
        return answer

    def leftovers(self) -> dict[str, list[tuple[object, ...]]]:
        """Return every row that belongs to some deployment."""
        with sqlite3.connect(f"file:{self.data}/stead.db?mode=ro", uri=True) as database:
            rows = {table: list(database.execute(query)) for table, query in OWNED.items()}
        return {table: found for table, found in rows.items() if found}

    def status(self, name: str) -> int:
        """Return what the edge answers for an app's name; 0 when it has no certificate for it."""
        with self.http() as http:
            url = f"https://{name}.apps.stead.localhost:{self.https_port}/"
            try:
                return http.get(url).status_code
            except httpx.ConnectError:
                return 0


@pytest.fixture(scope="module")
def mortal(incus: Incus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    """Return a Stead of this module's own, on a range of its own."""
    one = Mortal(
        tmp_path_factory.mktemp("mortal"),
        incus,
        network="10.93.0.0/16",
        packages=(TEST_PACKAGES,),
        tcp_first=23000,
    )
    one.prepare()
    one.order.write_text("")
    one.start_mortal()
    one.start_edge()
    until("the console", one.console_answers, 60)
    try:
        yield one
    finally:
        one.stop()


@pytest.mark.timeout(900)
def test_everything_agrees_wherever_deploy_and_remove_are_killed(
    mortal: Mortal, incus: Incus, subtests: pytest.Subtests
) -> None:
    removals = itertools.chain(REMOVE, itertools.repeat(""))
    for number, (deploy_at, remove_at) in enumerate(zip(DEPLOY, removals, strict=False)):
        name = f"k{number}"
        with subtests.test(deploy_at):
            _deploy_killed_at(mortal, incus, deploy_at, name)
        with subtests.test(remove_at or "remove"):
            _remove_killed_at(mortal, incus, remove_at, name)


@pytest.mark.timeout(400)
def test_nothing_is_left_wherever_the_undo_is_killed(
    mortal: Mortal, incus: Incus, subtests: pytest.Subtests
) -> None:
    for number, point in enumerate(UNDO):
        step = point.split("/")[1]
        if step == "route":
            continue  # a check that fails never gets as far as the route
        with subtests.test(point):
            mortal.order.write_text(point)
            body = {"app": "quick", "name": f"u{number}", "inputs": {"check_passes": False}}
            answer = mortal.ask("POST", "/api/v1/deployments", json=body)
            operation = mortal.run_to_end(answer, point)
            assert operation["state"] == "failed"
            assert mortal.leftovers() == {}
            assert incus.instances() == []
            assert incus.volumes() == []


def _deploy_killed_at(mortal: Mortal, incus: Incus, point: str, name: str) -> None:
    mortal.order.write_text(point)
    body = {"app": "quick", "name": name, "inputs": {"text": f"hello from {name}"}}
    operation = mortal.run_to_end(mortal.ask("POST", "/api/v1/deployments", json=body), point)
    assert operation["state"] == "succeeded", operation
    assert mortal.status(name) == httpx.codes.OK
    rows = mortal.leftovers()
    assert {table: len(found) for table, found in rows.items()} == {
        "deployment": 1,
        "instance": 1,
        "address": 1,
        "claim": 1,
        "agent": 1,
        "enrolment": 1,
        "secret": 3,
        "route": 1,
        "certificate": 1,
    }
    assert [native for (_, native, *_) in rows["claim"]] == incus.instances()
    assert incus.volumes() == incus.instances()


def _remove_killed_at(mortal: Mortal, incus: Incus, point: str, name: str) -> None:
    mortal.order.write_text(point)
    known = mortal.answered("GET", "/api/v1/deployments").json()
    found = next(one for one in known if one["name"] == name)
    answer = mortal.ask("DELETE", f"/api/v1/deployments/{found['id']}")
    assert mortal.run_to_end(answer, point)["state"] == "succeeded"
    assert mortal.leftovers() == {}
    assert incus.instances() == []
    assert incus.volumes() == []
    assert mortal.status(name) in {0, httpx.codes.NOT_FOUND}
