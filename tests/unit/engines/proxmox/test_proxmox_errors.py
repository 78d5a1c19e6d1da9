"""One translation for everything that Proxmox says, held against what a real one has said."""

import json
import re

import pytest
from tests.support.recordings import RECORDINGS, needs_recordings
from tests.unit.engines.proxmox.words import failures, refusals

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.errors import is_gone, task_failed, translate

REFUSALS, TASKS = refusals(), failures()
# What these tasks do, this driver never asks for.
NEVER_ASKED = {"clusterjoin", "download", "imgcopy", "vncproxy", "vzsuspend"}


@pytest.mark.parametrize(("status", "field", "words", "kind"), REFUSALS)
def test_a_refusal_becomes_one_of_our_errors(
    status: int, field: str, words: str, kind: type[errors.EngineError]
):
    if field:
        found = translate(status, "Parameter verification failed.", "do it", {field: words})
        assert field in found.message
    else:
        found = translate(status, words, "do it")
    assert type(found) is kind
    assert words in found.native


@pytest.mark.parametrize(("task", "words", "kind"), TASKS)
def test_a_failed_task_becomes_one_of_our_errors(
    task: str, words: str, kind: type[errors.EngineError]
):
    found = task_failed(words, "last lines", task)
    assert type(found) is kind
    assert found.native == f"{words}\nlast lines"


def test_only_what_may_pass_is_tried_again():
    again = {kind for *_, kind in [*REFUSALS, *TASKS] if kind.retryable}
    assert again == {errors.LockedError, errors.UnreachableError}


def test_the_log_speaks_where_the_exit_status_says_nothing():
    log = "INFO: starting\nERROR: Backup of VM 102 failed - command failed: no snapshots\nINFO: x"
    found = task_failed("job errors", log, "back it up")
    assert "Backup of VM 102 failed" in found.message
    assert found.native.startswith("job errors\nINFO")


def test_a_missing_guest_is_told_from_something_that_it_misses():
    gone = translate(500, "Configuration file 'nodes/pve1/lxc/7.conf' does not exist", "start")
    lacks = translate(0, "bridge 'vmbr9' does not exist", "start")
    assert isinstance(gone, errors.NotFoundError)
    assert is_gone(gone)
    assert not isinstance(lacks, errors.NotFoundError)


def test_errors_of_fields_are_read_on_any_status():
    found = translate(500, "format error", "resize", {"volume": "property is missing"})
    assert type(found) is errors.InvalidError
    assert "volume: property is missing" in found.message


@needs_recordings
def test_every_recorded_refusal_that_the_driver_can_meet_has_a_test_here():
    known = {(status, _plain(words)): kind for status, _, words, kind in REFUSALS}
    met = [entry for entry in _catalog("errors-catalog.json") if _can_meet(entry["seen"])]
    for entry in met:
        fields = entry["errors"] or {}
        words = next(iter(fields.values()), entry["reason"])
        expected = known[entry["status"], _plain(words)]
        assert type(translate(entry["status"], entry["reason"], "x", fields)) is expected
    assert len(met) > 200


@needs_recordings
def test_every_recorded_failure_of_a_task_that_the_driver_can_meet_has_a_test_here():
    known = {(task, _plain(words)): kind for task, words, kind in TASKS}
    met = [one for one in _catalog("task-failures-catalog.json") if one["type"] not in NEVER_ASKED]
    for entry in met:
        expected = known[entry["type"], _plain(entry["exitstatus"])]
        assert type(task_failed(entry["exitstatus"], "", "x")) is expected
    assert len(met) > 30


def _catalog(name: str) -> list[dict]:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


def _can_meet(seen: list[str]) -> bool:
    asked = [entry.split(" ")[:2] for entry in seen]
    return any(
        method == call.method
        and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", call.path), path.split("?")[0])
        for method, path in asked
        for call in calls.ALL
    )


def _plain(words: str) -> str:
    quoted = re.sub(r"'[^']*'|\(/[^)]*\)", "*", " ".join(words.split()))
    return re.sub(r"\d+", "#", quoted)
