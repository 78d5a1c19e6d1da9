"""Jobs other than installers, done by the zipapp, and what it refuses to do."""

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.agent.control_plane import MOSTLY_HTTPS, ControlPlane
from tests.integration.agent.world import AgentProcess

pytestmark = [
    pytest.mark.timeout(40),
    pytest.mark.usefixtures("agent"),
    pytest.mark.parametrize("transport", MOSTLY_HTTPS),
]


def encoded(content: bytes) -> tuple[str, str]:
    return base64.b64encode(content).decode(), hashlib.sha256(content).hexdigest()


@pytest.fixture
def log_file() -> Iterator[Path]:
    path = Path("/var/log") / f"stead-test-{uuid.uuid4().hex}.log"
    path.write_text("".join(f"line {n}\n" for n in range(50)))
    yield path
    path.unlink()


def test_facts_are_told(plane: ControlPlane):
    plane.give_task("facts", "facts")
    assert plane.result("facts")["outcome"] == "done"
    told = dict(line.split(": ", 1) for line in plane.text("facts"))
    assert told["processors"] == str(os.cpu_count())
    assert {"hostname", "kernel", "memory", "disk", "uptime", "agent"} <= told.keys()


def test_a_declared_command_runs_with_its_parameters_and_nothing_else(plane: ControlPlane):
    plane.give_task("disks", "command", command="disk-usage")
    assert plane.result("disks")["outcome"] == "done"
    assert any("%" in line for line in plane.text("disks"))
    plane.give_task("name", "command", command="resolve", host="localhost")
    assert plane.result("name")["outcome"] == "done"
    for number, arguments in enumerate(
        (
            {"command": "resolve", "host": "localhost; touch /tmp/x"},
            {"command": "resolve", "host": "--help"},
            {"command": "resolve"},
            {"command": "disk-usage", "more": "x"},
            {"command": "folder-sizes", "folder": "/root"},
            {"command": "rm"},
        )
    ):
        plane.give_task(f"bad-{number}", "command", **arguments)
        assert plane.result(f"bad-{number}")["outcome"] == "refused", arguments


def test_the_end_of_a_log_is_told_but_of_nothing_else(plane: ControlPlane, log_file: Path):
    plane.give_task("tail", "log", file=str(log_file), lines=3)
    assert plane.result("tail")["outcome"] == "done"
    assert plane.text("tail") == ["line 47", "line 48", "line 49"]
    link = log_file.with_suffix(".link")
    link.symlink_to("/etc/hostname")
    try:
        for number, name in enumerate(
            ("/etc/hostname", "/var/log/../../etc/hostname", str(link), "/var/log")
        ):
            plane.give_task(f"bad-{number}", "log", file=name)
            assert plane.result(f"bad-{number}")["outcome"] == "refused", name
    finally:
        link.unlink()


def test_a_service_that_does_not_run_is_an_answer_and_one_that_is_not_there_a_failure(
    plane: ControlPlane,
):
    plane.give_task("none", "service", action="status", service="no-such-service-here")
    assert plane.result("none")["outcome"] == "failed"
    for number, service in enumerate(("../x", "-x", "a b", "stead-agent.service")):
        plane.give_task(f"bad-{number}", "service", action="restart", service=service)
        assert plane.result(f"bad-{number}")["outcome"] == "refused", service


def test_a_file_is_put_there_whole_with_its_mode_and_owner(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    path = tmp_path / "settings.ini"
    path.write_text("old")
    content, digest = encoded(b"secret = hunter2hunter2\n")
    wishes = {"target": str(path), "owner": "nobody", "mode": "0600", "sha256": digest}
    plane.give_task("put", "file", content, **wishes)
    result = plane.result("put")
    assert result["outcome"] == "done", result["reason"]
    assert path.read_bytes() == b"secret = hunter2hunter2\n"
    assert (path.stat().st_mode & 0o7777, path.owner()) == (0o600, "nobody")
    assert [entry.name for entry in tmp_path.iterdir() if "settings" in entry.name] == [path.name]
    told = json.dumps([plane.offered, plane.lines, plane.results]) + agent.log.read_text()
    kept = "".join(one.read_text() for one in agent.state.rglob("*.json*"))
    assert "hunter2" not in told + kept
    assert content not in told + kept


def test_a_file_that_is_not_the_signed_one_or_leads_elsewhere_is_not_put(
    plane: ControlPlane, tmp_path: Path
):
    content, digest = encoded(b"x")
    (tmp_path / "link").symlink_to("/proc")
    (tmp_path / "folder").mkdir()
    bad: list[dict[str, str]] = [
        {"target": str(tmp_path / "a"), "sha256": "0" * 64},
        {"target": str(tmp_path / "link" / "a"), "sha256": digest},
        {"target": str(tmp_path / "folder"), "sha256": digest},
        {"target": f"{tmp_path}/../a", "sha256": digest},
        {"target": "/proc/sys/kernel/hostname", "sha256": digest},
        {"target": str(tmp_path / "a"), "sha256": digest, "owner": "nobody-of-this-name"},
        {"target": str(tmp_path / "a"), "sha256": digest, "mode": "4755"},
        {"target": "relative", "sha256": digest},
    ]
    for number, wishes in enumerate(bad):
        plane.give_task(f"bad-{number}", "file", content, **wishes)
        assert plane.result(f"bad-{number}")["outcome"] == "refused", wishes
    plane.give_task("lost", "file", content, target=str(tmp_path / "no" / "a"), sha256=digest)
    assert plane.result("lost")["outcome"] == "failed"
    assert not (tmp_path / "a").exists()


def test_unknown_kinds_and_secrets_for_those_that_take_none_are_refused(plane: ControlPlane):
    plane.give_task("shell", "shell", text="id")
    assert plane.result("shell")["outcome"] == "refused"
    plane.give_task("facts", "facts", "c2VjcmV0")
    assert plane.result("facts")["outcome"] == "refused"


def test_readiness_and_updates_say_what_they_found(plane: ControlPlane):
    plane.give_task("ready", "readiness")
    assert plane.result("ready")["outcome"] in {"done", "failed"}
    assert any(line.startswith("disk has room: ") for line in plane.text("ready"))
