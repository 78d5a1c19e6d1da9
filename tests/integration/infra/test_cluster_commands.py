"""The verbs for clusters against a real server with a simulated engine: none of it needs root."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.stead import Stead
from tests.support.waiting import until
from typer.testing import CliRunner

from stead.entrypoints import client
from stead.entrypoints.client import CommandError
from stead.entrypoints.connect_commands import cluster
from stead.entrypoints.terminal import NOT_FOUND, USAGE

CONFLICT, REFUSED = 6, 7


@pytest.fixture(scope="module")
def stead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stead]:
    folder: Path = tmp_path_factory.mktemp("clusters")
    one = Stead(folder / "stead", None, network="10.135.64.0/18", tcp_first=28300)
    one.prepare()
    try:
        one.start()
        one.admin("cli-login")
        yield one
    finally:
        one.stop()


@pytest.fixture(autouse=True)
def signed_in(stead: Stead, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the verbs find the account's file where the test's own server wrote it.

    A verb leaves its connection to the end of its process, which is not the end of ours.
    """
    for name, value in stead.environment().items():
        monkeypatch.setenv(name, value)
    real = client._open
    with ExitStack() as connections:
        monkeypatch.setattr(client, "_open", lambda login: connections.enter_context(real(login)))
        yield


def run(*words: str, code: int = 0) -> str:
    """Run a verb in this process, without a terminal; return what it said."""
    done = CliRunner().invoke(cluster, words)
    error = done.exception
    if error is not None and not isinstance(error, CommandError | SystemExit):
        raise error
    said = done.output + (str(error) if isinstance(error, CommandError) else "")
    ended = error.code if isinstance(error, CommandError) else done.exit_code
    assert ended == code, said
    return said


def shown(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("show", name, "--json"))
    return found


@pytest.fixture
def demo() -> Iterator[str]:
    """Return the name of a simulated cluster that is connected and mapped, as long as it is."""
    said = run("connect", "demo", "--engine", "simulator", "-o", "nodes=2")
    assert "demo is connected, and is looked at only" in said
    assert "It knows us: Simulator" in said
    assert "0 of them amiss" in said
    until("a map", lambda: shown("demo")["surveyed_at"], 60)
    yield "demo"
    if "demo" in run("list"):
        run("disconnect", "demo", "--yes", "--forget-guests")


@pytest.mark.timeout(240)
def test_a_cluster_is_connected_looked_at_taken_over_and_let_go(demo: str):
    found = shown(demo)
    assert (found["mode"], found["simulated"]) == ("read_only", True)
    assert found["capacity"]["physical"] == {"cores": 32, "memory_mb": 131072, "disk_gb": 2000}
    assert [one["name"] for one in json.loads(run("list", "--json"))] == ["demo", "local"]
    words = run("show", demo)
    assert "physical     32 processors, 131072 MB, 2000 GB" in words
    assert "no       Simulator: nothing runs in a simulated guest" in words
    assert "Nothing here yet" in run("guests", demo)
    assert "0 of them amiss" in run("test", demo)
    assert "Say --yes" in run("takeover", demo, code=USAGE)
    assert "Let Stead manage guests there" in run("takeover", demo, "--yes")
    assert json.loads(run("takeover", demo, "--yes", "--json"))["operation_id"]
    assert shown(demo)["mode"] == "managed"
    assert "Say --yes" in run("disconnect", demo, code=USAGE)
    assert "demo is forgotten" in run("disconnect", demo, "--yes")
    assert "There is no such cluster" in run("show", demo, code=NOT_FOUND)


@pytest.mark.timeout(240)
def test_policy_and_maintenance_are_set_and_taken_back(demo: str):
    said = run("overcommit", demo, "--memory", "1.5", "--cores", "4")
    assert said == "demo may give out cores 4 times, memory 1.5 times\n"
    assert shown(demo)["capacity"]["policy"] == {"cores": 4.0, "memory": 1.5, "disk": None}
    limits = json.loads(run("overcommit", demo, "--disk", "2", "--json"))["capacity"]["policy"]
    assert limits == {"cores": None, "memory": None, "disk": 2.0}
    assert run("overcommit", demo) == "demo may give out without limits\n"
    run("overcommit", demo, "--memory", "-1", code=REFUSED)
    assert "takes nothing new" in run("maintenance", demo, "on", "--reason", "new disks")
    assert "new disks" in run("show", demo)
    assert "takes deployments" in run("maintenance", demo, "off")
    assert "Say on or off" in run("maintenance", demo, "perhaps", code=USAGE)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("demo")
def test_what_cannot_be_done_says_why_and_changes_nothing():
    before = json.loads(run("list", "--json"))
    again = run("connect", "demo", "--engine", "simulator", code=CONFLICT)
    assert "There is a cluster demo already" in again
    assert "there are: " in run("connect", "x", "--engine", "nothing", code=NOT_FOUND)
    assert "is no NAME=VALUE" in run("connect", "x", "--engine", "simulator", "-o", "q", code=2)
    assert "cannot be read" in run("connect", "x", "--engine", "simulator", "-o", "a=@/no", code=2)
    nowhere = ("connect", "x", "--engine", "incus", "-o", "url=https://127.0.0.1:1", "--yes")
    assert "Nothing that speaks TLS answers" in run(*nowhere, code=CONFLICT)
    assert "is missing" in run("connect", "x", "--engine", "proxmox", code=USAGE)
    for verb in ("test", "certificate", "rotate"):
        run(verb, "nobody", code=NOT_FOUND)
    run("takeover", "nobody", "--yes", code=NOT_FOUND)
    run("disconnect", "nobody", "--yes", code=NOT_FOUND)
    run("adopt", "demo", "nobody", "--project", "main", "--yes", code=NOT_FOUND)
    run("release", "demo", "nobody", code=NOT_FOUND)
    run("disconnect", "local", "--yes", code=CONFLICT)
    assert [one["name"] for one in json.loads(run("list", "--json"))] == [
        one["name"] for one in before
    ]
