"""An agent that replaces its own program, and returns to the one before if that fails."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.agent.control_plane import ControlPlane, until
from tests.integration.agent.world import AgentProcess, script
from tools import build_agent

from stead.agents import distribution

pytestmark = pytest.mark.timeout(60)
# Long enough for a program that works, on any machine; the short one for those that do not.
PATIENCE, SHORT = 40, 1
impatient = pytest.mark.parametrize("patience", [SHORT])
# The new program runs this instead of its loop.
STARTED = "        worker.recover()\n"


def program(*, version: str = "9.9.9", module: str = "loop.py", old: str = "", new: str = ""):
    """Return another program, whose source differs in one place."""
    paths = [*build_agent.SOURCE.glob("*.py"), build_agent.SOURCE / distribution.UNIT]
    files = {path.name: path.read_bytes() for path in paths}
    files["__init__.py"] = f'"""Another one."""\n\nVERSION = "{version}"\n'.encode()
    assert old.encode() in files[module]
    files[module] = files[module].replace(old.encode(), new.encode()) if old else files[module]
    return distribution.pack(files)


def running_with(state: Path) -> list[int]:
    """Return the processes that have this state folder: the agent, and a watch over it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(state).encode() in words:
            found.append(int(entry.name))
    return found


@pytest.fixture
def patience() -> int:
    return PATIENCE


@pytest.fixture
def agent(
    zipapp: Path, tmp_path: Path, plane: ControlPlane, patience: int
) -> Iterator[AgentProcess]:
    """An agent with a program of its own."""
    state, own = tmp_path / "state", tmp_path / "bin" / "stead-agent.pyz"
    state.mkdir(mode=0o700)
    own.parent.mkdir()
    shutil.copyfile(zipapp, own)
    (state / "bootstrap.json").write_text(json.dumps(plane.bootstrap))
    made = AgentProcess(own, state, options=("--patience", str(patience)))
    made.start()
    until(lambda: plane.keys, "the enrolment")
    yield made
    for _ in range(3):  # a watch may be about to start the agent
        for pid in running_with(state):
            os.kill(pid, signal.SIGKILL)
    assert made.process
    made.process.wait(10)
    until(lambda: not running_with(state), "the end of all")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def update(plane: ControlPlane, content: bytes, job: str = "update") -> None:
    """Offer a program, and ask for it."""
    plane.program = content
    plane.give_task(job, "update", version="9.9.9", sha256=digest(content))


def goes_on(plane: ControlPlane) -> None:
    """See that somebody does the next job."""
    assert plane.result(plane.give("after", script("exit 0")), 30)["outcome"] == "done"


def test_the_new_program_takes_over_and_tells_that_it_works(
    plane: ControlPlane, agent: AgentProcess
):
    before, new = agent.zipapp.read_bytes(), program()
    update(plane, new)
    result = plane.result("update", 30)
    assert (result["outcome"], result["attempt"]) == ("done", 1)
    assert agent.zipapp.read_bytes() == new
    assert (agent.state / "update.json").exists() is False
    assert agent.zipapp.with_name("stead-agent.pyz.previous").read_bytes() == before
    plane.give_task("facts", "facts")
    assert plane.result("facts")["outcome"] == "done"
    assert "agent: 9.9.9" in plane.text("facts")
    assert agent.process
    assert agent.process.poll() is None
    until(lambda: len(running_with(agent.state)) == 1, "the end of the watch")
    update(plane, new, "again")
    assert plane.result("again")["outcome"] == "done"
    assert agent.terminate() == 0


@pytest.mark.usefixtures("agent")
def test_another_program_than_the_signed_one_is_refused(plane: ControlPlane, agent: AgentProcess):
    before = agent.zipapp.read_bytes()
    plane.program = program()
    plane.give_task("update", "update", version="9.9.9", sha256=digest(b"something else"))
    assert plane.result("update")["outcome"] == "refused"
    assert agent.zipapp.read_bytes() == before
    goes_on(plane)


def test_a_program_that_does_not_start_is_not_put_in_place(
    plane: ControlPlane, agent: AgentProcess
):
    before = agent.zipapp.read_bytes()
    update(plane, program(old="import sys\n", new='raise SystemExit("broken")\n', module="log.py"))
    result = plane.result("update")
    assert result["outcome"] == "refused"
    assert "broken" in result["reason"]
    assert agent.zipapp.read_bytes() == before
    goes_on(plane)


def test_a_program_that_crashes_later_is_replaced_by_the_one_before(
    plane: ControlPlane, agent: AgentProcess
):
    before = agent.zipapp.read_bytes()
    update(plane, program(old=STARTED, new="        os._exit(3)\n"))
    result = plane.result("update", 30)
    assert (result["outcome"], result["attempt"]) == ("failed", 1)
    assert "ended before" in result["reason"]
    assert agent.zipapp.read_bytes() == before
    goes_on(plane)


def test_a_new_program_that_is_killed_is_replaced_by_the_one_before(
    plane: ControlPlane, agent: AgentProcess
):
    before = agent.zipapp.read_bytes()
    update(plane, program(old=STARTED, new="        threading.Event().wait()\n"))
    until(lambda: agent.zipapp.read_bytes() != before, "the new program")
    until(lambda: "agent.restarting" in agent.events(), "the restart")
    agent.kill()
    assert plane.result("update", 30)["outcome"] == "failed"
    assert agent.zipapp.read_bytes() == before
    goes_on(plane)


@impatient
def test_a_program_that_hangs_is_ended_and_replaced(plane: ControlPlane, agent: AgentProcess):
    before = agent.zipapp.read_bytes()
    update(plane, program(old=STARTED, new="        threading.Event().wait()\n"))
    result = plane.result("update", 30)
    assert result["outcome"] == "failed"
    assert "did not reach" in result["reason"]
    assert agent.zipapp.read_bytes() == before
    goes_on(plane)


@impatient
def test_a_program_that_cannot_reach_the_control_plane_returns_by_itself(
    plane: ControlPlane, agent: AgentProcess
):
    before = agent.zipapp.read_bytes()
    broken = program(old='"stead-request-v1"', new='"stead-request-v9"', module="signing.py")
    update(plane, broken)
    result = plane.result("update", 30)
    assert (result["outcome"], result["attempt"]) == ("failed", 1)
    assert agent.zipapp.read_bytes() == before
    assert agent.process
    assert agent.process.poll() is None
    goes_on(plane)
    # What the broken one signed was wrong, which is why it was refused.
    plane.violations = [one for one in plane.violations if "signature is wrong" not in one]
