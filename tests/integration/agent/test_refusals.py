"""What an agent must not run, whoever asks for it."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.integration.agent.control_plane import (
    MOSTLY_HTTPS,
    ControlPlane,
    canonical,
    sign,
    until,
)
from tests.integration.agent.world import AgentProcess, script

pytestmark = [pytest.mark.timeout(30), pytest.mark.parametrize("transport", MOSTLY_HTTPS)]


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


PORT = {"name": "p", "type": "port"}
# What the package holds, what the job says, and a word of the reason.
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a script the manifest does not list": ({}, {"script": "check.sh"}, "does not list"),
    "a script of any name": ({}, {"script": "../../bin/sh"}, "no package may have"),
    "an undeclared input": ({}, {"inputs": {"other": "x"}}, "no such input"),
    "a value out of range": ({"inputs": [PORT]}, {"inputs": {"p": 0}}, "less than"),
    "a missing input": ({"inputs": [{**PORT, "required": True}]}, {}, "required"),
    "a reserved name": ({"inputs": [{**PORT, "name": "ld_preload"}]}, {}, "reserved"),
    "an input that is also a secret": (
        {"inputs": [PORT]},
        {"inputs": {"p": 5}, "secrets": {"p": "5"}},
        "twice",
    ),
    "an expired job": ({}, {"expires": 5}, "expired"),
    "another agent's name": ({}, {"agent": "agent-other"}, "another agent"),
    "no timeout": ({}, {"timeout": 0}, "timeout"),
    "another package": ({"manifest": {"id": "other"}}, {}, "another package"),
    "a path that leaves": ({"members": [member("../evil")]}, {}, "leaves"),
    "an absolute path": ({"members": [member("/evil")]}, {}, "leaves"),
    "a symbolic link": ({"members": [member("a", tarfile.SYMTYPE, "/etc")]}, {}, "no plain file"),
    "a hard link": (
        {"members": [member("a", tarfile.LNKTYPE, "install.sh")]},
        {},
        "no plain file",
    ),
    "a device": ({"members": [member("null", tarfile.CHRTYPE)]}, {}, "no plain file"),
    "a pipe": ({"members": [member("pipe", tarfile.FIFOTYPE)]}, {}, "no plain file"),
    "a file twice": ({"members": [member("install.sh")]}, {}, "cannot be written"),
}


@pytest.mark.usefixtures("agent")
def test_jobs_that_break_a_rule_are_refused_with_the_reason(plane: ControlPlane, tmp_path: Path):
    marker = tmp_path / "ran"
    for number, (name, (contents, wishes, word)) in enumerate(REFUSALS.items()):
        package = script(f"# {number}\ntouch {marker}", **contents)
        result = plane.result(plane.give(f"job-{number}", package, **wishes))
        assert (name, result["outcome"], result["exit_code"]) == (name, "refused", None)
        assert word in result["reason"], (name, result["reason"])
    assert not marker.exists()


@pytest.mark.usefixtures("agent")
def test_package_with_another_digest_is_refused(plane: ControlPlane, tmp_path: Path):
    marker = tmp_path / "ran"
    package = script(f"touch {marker}")
    plane.alter_packages = True
    result = plane.result(plane.give("altered", package))
    assert (result["outcome"], "digest differs" in result["reason"]) == ("refused", True)
    assert not marker.exists()


@pytest.mark.usefixtures("agent")
def test_package_that_the_control_plane_does_not_have_is_refused(
    plane: ControlPlane, tmp_path: Path
):
    marker = tmp_path / "ran"
    plane.lost_packages = True
    result = plane.result(plane.give("unknown", script(f"touch {marker}")))
    assert (result["outcome"], "HTTP 404" in result["reason"]) == ("refused", True)
    plane.lost_packages = False
    assert plane.result(plane.give("known", script("exit 0")))["outcome"] == "done"
    assert not marker.exists()


@pytest.mark.parametrize("ahead", [600, -600])
def test_wrong_clock_of_a_guest_neither_refuses_a_job_nor_lets_an_expired_one_run(
    plane: ControlPlane, new_agent: AgentProcess, tmp_path: Path, ahead: int
):
    plane.ahead = ahead
    marker = tmp_path / "ran"
    new_agent.start()
    late = int(plane.now()) - 1
    expired = plane.result(plane.give("late", script(f"touch {marker}"), expires=late))
    assert (expired["outcome"], "expired" in expired["reason"]) == ("refused", True)
    soon = int(plane.now()) + 60
    result = plane.result(plane.give("soon", script("echo ran"), expires=soon))
    assert (result["outcome"], plane.text("soon")) == ("done", ["ran"])
    assert abs(result["finished"] - plane.now()) < 60
    assert not marker.exists()


@pytest.mark.usefixtures("agent")
def test_package_altered_in_the_cache_is_fetched_again(plane: ControlPlane, agent: AgentProcess):
    package = script("echo right")
    plane.result(plane.give("first", package))
    (cached,) = (agent.state / "packages").glob("*.tar")
    cached.write_bytes(cached.read_bytes().replace(b"right", b"wrong"))
    assert plane.result(plane.give("second", package))["outcome"] == "done"
    assert plane.text("second") == ["right"]


@pytest.mark.usefixtures("agent")
def test_payload_without_a_right_signature_is_not_answered(
    plane: ControlPlane, agent: AgentProcess, tmp_path: Path
):
    marker = tmp_path / "ran"
    plane.result(plane.give("real", script("exit 0")))
    real = plane.offered[0]
    payload = {**json.loads(real["payload"]), "job": "forged", "nonce": "f" * 32}
    forged = canonical(payload)
    wrong_label = sign(next(iter(plane.keys.values())), "stead-result-v1\n" + forged)
    for offer in (
        {**real, "payload": forged},
        {**real, "payload": forged, "signature": wrong_label},
        {**real, "payload": forged, "signature": "é"},
        {**real, "payload": payload},
        {**real, "payload": "\ud800"},
        {"server_time": "now"},
    ):
        plane.offer_raw(offer)
    until(lambda: agent.events().count("job.forged") == 6, "six forged jobs in the log", 15)
    plane.result(plane.give("after", script("exit 0")))
    assert set(plane.results) == {"real", "after"}
    assert (plane.extra_results, marker.exists()) == ([], False)


def test_replayed_job_is_refused_also_after_a_restart(plane: ControlPlane, agent: AgentProcess):
    plane.give("once", script("echo ran"))
    assert plane.result("once")["outcome"] == "done"
    plane.offer_raw(plane.offered[0])
    until(lambda: len(plane.extra_results) == 1, "the refusal")
    agent.kill()
    agent.start()
    plane.offer_raw(plane.offered[0])
    until(lambda: len(plane.extra_results) == 2, "the second refusal")
    assert {result["outcome"] for result in plane.extra_results} == {"refused"}
    assert "nonce" in plane.extra_results[0]["reason"]
    assert plane.text("once") == ["ran"]
    assert plane.results["once"]["outcome"] == "done"


def test_job_of_an_earlier_epoch_is_refused_also_after_a_restart(
    plane: ControlPlane, agent: AgentProcess
):
    assert plane.result(plane.give("new", script("echo new"), epoch=7))["outcome"] == "done"
    for name, epoch in (("old", 6), ("wrong", "7"), ("none", -1)):
        refused = plane.result(plane.give(name, script("echo old"), epoch=epoch))
        assert (
            refused["outcome"],
            "epoch" in refused["reason"] or "copy" in refused["reason"],
        ) == (
            "refused",
            True,
        )
    agent.kill()
    agent.start()
    assert plane.result(plane.give("older", script("echo old"), epoch=6))["outcome"] == "refused"
    assert plane.result(plane.give("same", script("echo same"), epoch=7))["outcome"] == "done"


@pytest.mark.usefixtures("agent")
def test_nonsense_answers_do_not_end_the_agent(plane: ControlPlane):
    answers = [
        b"",
        b"[" * 100_000,
        b"[]",
        b"\xff",
        b'{"payload": 5}',
        b'"' + b"x" * 5_000_000,
    ]
    plane.answer_nonsense(answers)
    until(lambda: not plane.nonsense, "the nonsense to be read", 15)
    assert plane.result(plane.give("sane", script("exit 0")), 15)["outcome"] == "done"
