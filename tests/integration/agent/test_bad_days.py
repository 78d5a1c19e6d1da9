"""Crashes, lost answers and a control plane that goes away: nothing is lost or done twice."""

import json
import os
import signal
from pathlib import Path

import pytest
from tests.integration.agent.control_plane import MOSTLY_HTTPS, ControlPlane, until
from tests.integration.agent.world import AgentProcess, is_alive, script

pytestmark = [pytest.mark.timeout(40), pytest.mark.parametrize("transport", MOSTLY_HTTPS)]

WAIT = "until [ -e {flag} ]; do sleep 0.05; done"


def test_lost_enrolment_answer_is_asked_for_again_with_the_same_key(
    plane: ControlPlane, new_agent: AgentProcess
):
    plane.lose_answers += ["enrol", "enrol"]
    new_agent.start()
    until(lambda: "agent.ready" in new_agent.events(), "the agent")
    assert plane.calls.count("enrol 200") == 3
    assert not (new_agent.state / "bootstrap.json").exists()
    identity = json.loads((new_agent.state / "identity.json").read_text())
    assert plane.keys == {identity["agent"]: identity["key"]}
    assert (new_agent.state / "identity.json").stat().st_mode & 0o777 == 0o600


def test_killed_before_the_enrolment_answer_keeps_its_key(
    plane: ControlPlane, new_agent: AgentProcess
):
    plane.stop()
    new_agent.start()
    identity = new_agent.state / "identity.json"
    until(identity.exists, "a key on disk")
    key = json.loads(identity.read_text())["key"]
    new_agent.kill()
    plane.start()
    new_agent.start()
    until(lambda: plane.keys, "the enrolment")
    assert list(plane.keys.values()) == [key]


def test_used_token_keeps_the_agent_trying(plane: ControlPlane, new_agent: AgentProcess):
    plane.tokens["ste_first"] = "0" * 64
    new_agent.start()
    until(lambda: plane.calls.count("enrol 401") > 2, "several attempts")
    plane.tokens["ste_first"] = None
    until(lambda: plane.keys, "the enrolment", 15)


def test_clone_with_a_new_bootstrap_becomes_another_agent(
    plane: ControlPlane, agent: AgentProcess
):
    plane.result(plane.give("before", script("exit 0")))
    agent.terminate()
    plane.tokens["ste_clone"] = None
    clone = {**plane.bootstrap, "token": "ste_clone"}
    (agent.state / "bootstrap.json").write_text(json.dumps(clone))
    agent.start()
    until(lambda: len(plane.keys) == 2, "the second agent")
    assert len(set(plane.keys.values())) == 2
    until(lambda: not list((agent.state / "jobs").iterdir()), "the end of the source's jobs")


@pytest.mark.usefixtures("agent")
def test_lost_answers_change_nothing(plane: ControlPlane):
    plane.lose_answers += ["claim", "result", "log", "secrets", "package"]
    password = {"name": "password", "type": "password", "sensitive": True}
    package = script("echo one; sleep 0.1; echo two", inputs=[password])
    plane.give("lossy", package, secrets={"password": "hunter22"})
    result = plane.result("lossy", 15)
    until(lambda: not plane.lose_answers, "all losses")
    assert (result["outcome"], result["attempt"]) == ("done", 2)
    assert plane.text("lossy") == ["one", "two"]


def test_killed_agent_reports_the_job_as_interrupted(plane: ControlPlane, agent: AgentProcess):
    plane.give("cut", script("trap '' TERM; echo $$; sleep 1000 & echo $!; wait; sleep 1000"))
    until(lambda: len(plane.text("cut")) == 2, "both process ids")
    agent.kill()
    assert all(is_alive(pid) for pid in plane.text("cut"))
    agent.start()
    result = plane.result("cut")
    assert (result["outcome"], result["exit_code"]) == ("interrupted", None)
    assert [pid for pid in plane.text("cut") if is_alive(pid)] == []
    plane.give("next", script("exit 0"))
    assert plane.result("next")["outcome"] == "done"


def test_restarted_agent_leaves_a_foreign_process_with_the_same_number_alone(
    plane: ControlPlane, agent: AgentProcess, bystander: str
):
    plane.give("cut", script("echo $$; exec sleep 1000"))
    pid = until(lambda: plane.text("cut"), "its process id")[0]
    agent.kill()
    record = agent.state / "jobs" / "cut" / "process.json"
    found = json.loads(record.read_text())
    record.write_text(json.dumps({**found, "pid": int(bystander), "cgroup": None}))
    agent.start()
    assert plane.result("cut")["outcome"] == "interrupted"
    assert is_alive(bystander)
    assert is_alive(pid)
    os.kill(int(pid), signal.SIGKILL)


@pytest.mark.usefixtures("agent")
def test_control_plane_away_while_a_script_runs(plane: ControlPlane, tmp_path: Path):
    flag, done = tmp_path / "go", tmp_path / "done"
    text = f"echo before; {WAIT.format(flag=flag)}; seq 3000; echo after; touch {done}"
    plane.give("patient", script(text))
    until(lambda: plane.text("patient"), "its first line")
    plane.stop()
    flag.touch()
    until(done.exists, "the end of the script")
    assert "patient" not in plane.results
    plane.start()
    assert plane.result("patient", 15)["outcome"] == "done"
    assert plane.text("patient") == ["before", *map(str, range(1, 3001)), "after"]
    assert plane.jobs["patient"]["attempt"] == 1


def test_result_survives_a_crash_while_the_control_plane_is_away(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    flag = tmp_path / "go"
    plane.give("kept", script(f"echo before; {WAIT.format(flag=flag)}; seq 3000; exit 3"))
    until(lambda: plane.text("kept"), "its first line")
    plane.stop()
    flag.touch()
    until((agent.state / "jobs" / "kept" / "result.json").exists, "the result on disk")
    agent.kill()
    plane.start()
    agent.start()
    result = plane.result("kept")
    assert (result["outcome"], result["exit_code"]) == ("failed", 3)
    assert plane.text("kept") == ["before", *map(str, range(1, 3001))]


def test_term_while_idle_ends_at_once(plane: ControlPlane, agent: AgentProcess):
    until(lambda: plane.waiting, "a waiting claim")
    assert agent.terminate() == 0
    assert "agent.stopped" in agent.events()


def test_term_while_a_script_runs_reports_it_as_interrupted(
    plane: ControlPlane, agent: AgentProcess
):
    plane.give("stopped", script("echo $$; exec sleep 1000"))
    until(lambda: plane.text("stopped"), "its first line")
    assert agent.terminate() == 0
    assert plane.results["stopped"]["outcome"] == "interrupted"
    assert not is_alive(plane.text("stopped")[0])


def test_second_agent_on_the_same_folder_is_refused(agent: AgentProcess):
    second = AgentProcess(agent.zipapp, agent.state)
    second.start()
    assert second.process
    assert second.process.wait(10) == 1


def test_server_with_another_certificate_is_not_spoken_to(
    plane: ControlPlane, new_agent: AgentProcess, other_ca: str
):
    wrong = {**plane.bootstrap, "ca": other_ca}
    (new_agent.state / "bootstrap.json").write_text(json.dumps(wrong))
    new_agent.start()
    until(lambda: new_agent.events().count("enrolment.delayed") > 1, "two failures")
    assert plane.calls == []


def test_only_the_last_twenty_job_folders_are_kept(plane: ControlPlane, agent: AgentProcess):
    for number in range(23):
        plane.result(plane.give(f"job-{number}", script("exit 0")))
    until(lambda: len(sorted_numbers(agent)) == 20, "twenty folders")
    assert sorted_numbers(agent) == list(range(3, 23))


def sorted_numbers(agent: AgentProcess) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in (agent.state / "jobs").iterdir())
