"""What the advisory service says, and does not say, becomes three different ends."""

import json
from pathlib import Path

import pytest
from tools import audit

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNHEARD = {"name": "unheard", "skip_reason": "not there"}


def auditor(folder: Path, says: str) -> Path:
    """Return a program that writes this where it is told to write its report."""
    for group in ("runtime", "dev"):
        (folder / f"{group}.txt").touch()
    (folder / "says").write_text(says)
    path = folder / "auditor"
    write = f'for last; do :; done; cat "{folder}/says" > "$last"' if says else "echo no network"
    path.write_text(f"#!/bin/sh\n{write}\nexit 1\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([GOOD], audit.NOTHING, "nothing is known about 1 packages"),
        ([GOOD, BAD], audit.FOUND, "bad 2: PYSEC-1, corrected in 3"),
        ([BAD, UNHEARD], audit.FOUND, "did not answer for 1 of 2 packages: unheard"),
        ([GOOD, UNHEARD], audit.NOT_ASKED, "did not answer for 1 of 2 packages: unheard"),
    ],
)
def test_the_end_says_what_was_heard(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: list[object],
    code: int,
    words: str,
):
    program = auditor(tmp_path, json.dumps({"dependencies": rows, "fixes": []}))
    assert audit.audit(program, tmp_path) == code
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("says", ["", "nonsense", "[]", '{"dependencies": 5}', "null"])
def test_without_a_report_nobody_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], says: str
):
    assert audit.audit(auditor(tmp_path, says), tmp_path) == audit.NOT_ASKED
    assert "could not be asked" in capsys.readouterr().out


def test_without_the_auditor_nobody_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "runtime.txt").touch()
    assert audit.audit(tmp_path / "none", tmp_path) == audit.NOT_ASKED
    assert "could not be asked" in capsys.readouterr().out


NPM = {"metadata": {"dependencies": {"total": 3}}, "vulnerabilities": {}}
ADVISORY = {"range": "<4.14.1", "url": "https://advisories.invalid/1"}


def test_what_npm_knows_is_read():
    row = {"name": "axe-core", "via": [ADVISORY, "another"]}
    assert audit.judge_npm(json.dumps(NPM)) == audit.Judged(3, (), ())
    found = audit.judge_npm(json.dumps({**NPM, "vulnerabilities": {"axe-core": row}})).found
    assert found == ("axe-core <4.14.1: https://advisories.invalid/1",)


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (
            'npm warn\n{"message": "405 Method Not Allowed", "error": {}}\nnpm error',
            "405 Method Not Allowed",
        ),
        ("", "Expecting value"),
        ("[]", "no report"),
        ("{}", "no report"),
    ],
)
def test_what_is_no_report_of_npm_is_refused(report: str, why: str):
    with pytest.raises(ValueError, match=why):
        audit.judge_npm(report)
