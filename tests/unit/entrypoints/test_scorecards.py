"""The command that tries a cluster and prints its scorecard."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stead.entrypoints.admin import admin_commands

SIMULATOR = ("--engine", "simulator")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEAD_CONFIG", str(tmp_path / "none.toml"))


def run(*words: str) -> Result:
    return CliRunner().invoke(admin_commands, ["conformance", *words])


def test_a_cluster_that_keeps_its_word_passes():
    done = run(*SIMULATOR, "--only", "snapshot")
    assert done.exit_code == 0, done.output
    card = json.loads(done.stdout.splitlines()[-1])
    assert card["passed"]
    assert card["behaviours"]["a_snapshot_is_restored"] == "kept"
    assert "a simulator" in card["title"]
    assert "PASSED" in done.stdout


def test_one_that_declares_too_little_fails_and_the_card_says_what():
    done = run(*SIMULATOR, "--option", "without=exec", "--only", "commands")
    assert done.exit_code == 1
    assert "must be declared: exec" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "none"), "no engine 'none'"),
        ((*SIMULATOR, "--option", "nodes"), "NAME=VALUE"),
        ((*SIMULATOR, "--option", "nods=3"), "nods"),
        ((*SIMULATOR, "--range", "10.0.0.0/24"), "no room"),
        ((*SIMULATOR, "--range", "everything"), "no room"),
        ((*SIMULATOR, "--only", "flying"), "flying"),
    ],
)
def test_nonsense_is_told(words: tuple[str, ...], said: str):
    done = run(*words)
    assert done.exit_code == 1
    assert said in done.stderr
