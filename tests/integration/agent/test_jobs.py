"""The zipapp against a real TLS server: jobs that run and how they end."""

import json
from pathlib import Path

import pytest
from tests.integration.agent.control_plane import TRANSPORTS, ControlPlane, until
from tests.integration.agent.world import AgentProcess, archive, is_alive, script

PASSWORD = {"name": "password", "type": "password", "required": True, "sensitive": True}
PRINT_ENVIRONMENT = """#!/usr/bin/env python3
import os
for name in sorted(os.environ):
    print(name, os.environ[name])
"""

pytestmark = [
    pytest.mark.timeout(30),
    pytest.mark.usefixtures("agent"),
    pytest.mark.parametrize("transport", TRANSPORTS),
]


def outcome(plane: ControlPlane, job: str) -> tuple[str, int | None]:
    result = plane.result(job)
    return result["outcome"], result["exit_code"]


def test_script_sees_exactly_its_environment(plane: ControlPlane):
    inputs = [{"name": "site_title", "type": "string"}, {"name": "debug", "type": "boolean"}]
    package = archive({"install.sh": PRINT_ENVIRONMENT}, inputs)
    plane.give("env", package, inputs={"site_title": "$(id) 🧀", "debug": False})
    assert outcome(plane, "env") == ("done", 0)
    variables = dict(line.split(" ", 1) for line in plane.text("env"))
    variables.pop("PWD", None)  # the shell that starts the script adds it
    assert variables == {
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBUG": "false",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PROVISIONING_JOB": "true",
        "SITE_TITLE": "$(id) 🧀",
    }


def test_output_arrives_in_order_while_the_script_runs(plane: ControlPlane, agent: AgentProcess):
    wait = "echo one; echo two >&2; until [ -e go ]; do sleep 0.05; done; echo end"
    plane.give("live", script(wait))
    until(lambda: len(plane.lines.get("live", {})) == 2, "two lines")
    assert (plane.text("live"), plane.text("live", "stderr")) == (["one"], ["two"])
    (agent.state / "jobs" / "live" / "package" / "go").touch()
    assert outcome(plane, "live") == ("done", 0)
    assert plane.text("live") == ["one", "end"]


def test_exit_decides_the_outcome(plane: ControlPlane):
    expected: dict[str, tuple[str, int | None]] = {
        "exit 1": ("failed", 1),
        "exit 2": ("failed", 2),
        "exit 3": ("failed", 3),
        "exit 124": ("timeout", 124),
        "kill -KILL $$": ("failed", 137),
        "read line && exit 5; exit 0": ("done", 0),
        "(sleep 5 &); exit 0": ("done", 0),
    }
    found = {}
    for number, command in enumerate(expected):
        plane.give(f"exit-{number}", script(command))
        found[command] = outcome(plane, f"exit-{number}")
    assert found == expected


def test_secrets_reach_the_script_and_nothing_else(plane: ControlPlane, agent: AgentProcess):
    secret = "hün'ter$2 long"
    text = (
        'set -x\nprintf %s "${PASSWORD:0:5}"; sleep 0.1; echo "${PASSWORD:5}"\n'
        'echo "$PASSWORD" >&2; echo -n "$PASSWORD" | base64; echo ${#PASSWORD}'
    )
    plane.give("secret", script(text, inputs=[PASSWORD]), secrets={"password": secret})
    assert outcome(plane, "secret") == ("done", 0)
    assert plane.text("secret") == ["••••••", "••••••", str(len(secret))]
    kept = [agent.log, *agent.state.rglob("*.json*")]
    told = json.dumps(plane.lines["secret"], ensure_ascii=False)
    assert not [path for path in kept if "ter$2" in path.read_text(errors="replace")]
    assert "ter$2" not in told


def test_agent_log_holds_no_key_token_or_input(plane: ControlPlane, agent: AgentProcess):
    inputs = [{"name": "title", "type": "string"}]
    plane.give("quiet", script("exit 0", inputs=inputs), inputs={"title": "open-value"})
    assert outcome(plane, "quiet") == ("done", 0)
    log = agent.log.read_text()
    assert "job.accepted" in log
    hidden = ["ste_first", "open-value", *plane.keys.values()]
    assert [word for word in hidden if word in log] == []


def test_large_output_is_bounded_and_says_so(plane: ControlPlane):
    long_line = "head -c 20000 /dev/zero | tr '\\0' x; echo"
    plane.give("large", script(f"{long_line}\nyes {'0123456789' * 100} | head -c 30000000"))
    assert outcome(plane, "large") == ("done", 0)
    first, second = plane.text("large")[:2]
    assert (first[:8192], len(first) < 8300, "cut" in first) == ("x" * 8192, True, True)
    assert second == "0123456789" * 100
    assert ["dropped" in text for text in plane.text("large", "agent")] == [True]
    assert 7_000_000 < sum(len(text) for text in plane.text("large")) <= 8 * 1024 * 1024


def test_timeout_kills_a_script_that_ignores_term(plane: ControlPlane):
    plane.give("stuck", script("trap '' TERM; echo $$; while :; do sleep 1000; done"), timeout=1)
    assert outcome(plane, "stuck") == ("timeout", 124)
    assert "1 seconds" in plane.result("stuck")["reason"]
    assert not is_alive(plane.text("stuck")[0])


def test_timeout_ends_children_of_the_script_too(plane: ControlPlane):
    plane.give(
        "parent", script("sleep 1000 & echo $!; set -m; sleep 1000 & echo $!; wait"), timeout=1
    )
    assert outcome(plane, "parent") == ("timeout", 124)
    assert [pid for pid in plane.text("parent") if is_alive(pid)] == []


def test_cancel_ends_a_running_script(plane: ControlPlane):
    plane.give("long", script("echo $$; exec sleep 1000"))
    until(lambda: plane.text("long"), "its first line")
    plane.jobs["long"]["cancel"] = True
    assert outcome(plane, "long") == ("cancelled", None)
    assert not is_alive(plane.text("long")[0])


def test_replaced_attempt_is_killed_in_silence(plane: ControlPlane, tmp_path: Path):
    flag = tmp_path / "go"
    plane.give("twice", script(f"echo $$; until [ -e {flag} ]; do sleep 0.05; done"))
    pid = until(lambda: plane.text("twice"), "its first line")[0]
    plane.jobs["twice"]["attempt"] = 2
    until(lambda: plane.jobs["twice"]["attempt"] == 3, "the next attempt")
    assert not is_alive(pid)
    flag.touch()
    assert outcome(plane, "twice") == ("done", 0)
    assert plane.extra_results == []


def test_package_is_fetched_once_and_unpacked_afresh(plane: ControlPlane):
    files = {"install.sh": "#!/bin/sh\ntouch left-behind", "check.sh": "#!/bin/sh\nls"}
    plane.give("first", archive(files))
    assert outcome(plane, "first") == ("done", 0)
    plane.give("second", archive(files), script="check.sh")
    assert outcome(plane, "second") == ("done", 0)
    assert sorted(plane.text("second")) == ["check.sh", "install.sh", "manifest.json"]
    assert len([call for call in plane.calls if call.startswith("package")]) == 1


def test_waiting_claim_brings_the_next_job(plane: ControlPlane):
    for number in range(3):
        until(lambda: plane.waiting, "a waiting claim")
        before = len([call for call in plane.calls if call.startswith("claim")])
        plane.give(f"quick-{number}", script("exit 0"))
        assert outcome(plane, f"quick-{number}") == ("done", 0)
        claims = [call for call in plane.calls if call.startswith("claim")][before:]
        assert claims == ["claim 200"], "it was not asked for anew"
