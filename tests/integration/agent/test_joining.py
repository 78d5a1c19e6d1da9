"""A plain server joins with the zipapp itself, as the command that people are given does."""

import hashlib
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.agent.control_plane import ControlPlane, until
from tests.integration.agent.world import AgentProcess, script

pytestmark = pytest.mark.timeout(40)
TOKEN = "ste_" + "a" * 40


def join(
    plane: ControlPlane, zipapp: Path, state: Path, *, pin: str = "", token: str = TOKEN
) -> subprocess.CompletedProcess[str]:
    found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(plane.ca)).hexdigest()
    command = [sys.executable, "-I", "-B", str(zipapp), "join", "--state-dir", str(state)]
    command += ["--server", plane.bootstrap["server"], "--pin", pin or found, "--no-service"]
    return subprocess.run(
        command, input=f"{token}\n", capture_output=True, text=True, timeout=30, check=False
    )


def test_a_server_joins_with_its_token_and_works(
    plane: ControlPlane, zipapp: Path, tmp_path: Path
):
    plane.tokens[TOKEN] = None
    state = tmp_path / "state"
    done = join(plane, zipapp, state)
    assert done.returncode == 0, done.stderr
    assert next(iter(plane.keys)) in done.stdout
    assert not (state / "bootstrap.json").exists()
    assert TOKEN not in "".join(path.read_text() for path in state.glob("*.json"))
    agent = AgentProcess(zipapp, state)
    agent.start()
    plane.give("first", script("echo here"))
    assert plane.result("first")["outcome"] == "done"
    assert agent.terminate() == 0


def test_the_token_goes_nowhere_but_to_the_pinned_server(
    plane: ControlPlane, zipapp: Path, tmp_path: Path
):
    plane.tokens[TOKEN] = None
    done = join(plane, zipapp, tmp_path / "state", pin="0" * 64)
    assert done.returncode == 1
    assert "not the pinned one" in done.stderr
    assert plane.calls == []
    assert not (tmp_path / "state" / "bootstrap.json").exists()


def test_a_token_that_is_not_taken_leaves_who_the_server_was(
    plane: ControlPlane, zipapp: Path, tmp_path: Path
):
    plane.tokens[TOKEN] = None
    state = tmp_path / "state"
    assert join(plane, zipapp, state).returncode == 0
    before = (state / "identity.json").read_text()
    done = join(plane, zipapp, state, token="nonsense with blanks")
    assert "no enrolment token" in done.stderr
    running = AgentProcess(zipapp, state)
    running.start()
    until(lambda: "agent.ready" in running.events(), "the agent")
    refused = join(plane, zipapp, state)
    assert "already runs" in refused.stderr
    assert running.terminate() == 0
    assert (state / "identity.json").read_text() == before
