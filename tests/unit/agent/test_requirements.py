from pathlib import Path

import pytest

from stead_agent.requirements import read_release, system_problem, version_key

DEBIAN = {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("9", "10"),
        ("1.2", "1.10"),
        ("1.0-rc1", "1.0"),
        ("1.0.0-rc1", "1"),
        ("1.0~beta", "1.0-alpha"),
        ("1.0-alpha", "1.0-beta"),
        ("1.0", "1.0.1"),
        ("", "0.1"),
        ("20.04", "20.10"),
    ],
)
def test_versions_sort_as_people_mean_them(older: str, newer: str):
    assert version_key(older) < version_key(newer)


@pytest.mark.parametrize(("one", "other"), [("1", "1.0.0"), ("1.2.0", "1.2"), ("1+a", "1+b")])
def test_versions_that_say_the_same_are_the_same(one: str, other: str):
    assert version_key(one) == version_key(other)


@pytest.mark.parametrize(
    "lowest", [None, {"debian": ""}, {"debian": "12"}, {"debian": "11", "ubuntu": "24.04"}]
)
def test_a_system_that_fits_is_no_problem(lowest: object):
    assert system_problem(lowest, DEBIAN) is None


@pytest.mark.parametrize(
    ("lowest", "words"),
    [
        ({"debian": "13"}, "needs debian 13 or newer; this is Debian GNU/Linux 12"),
        ({"ubuntu": "20.04"}, "runs on ubuntu; this is Debian"),
        ({}, "runs on"),
        ("debian", "cannot be read"),
        ([], "cannot be read"),
    ],
)
def test_a_system_that_does_not_fit_is_refused_in_words(lowest: object, words: str):
    assert words in (system_problem(lowest, DEBIAN) or "")


def test_an_unknown_system_is_refused_where_one_is_asked_for():
    assert "an unknown system" in (system_problem({"debian": ""}, {}) or "")


def test_what_the_system_says_of_itself_is_read(tmp_path: Path):
    path = tmp_path / "os-release"
    path.write_text('ID=debian\nVERSION_ID="12"\n# comment\nnonsense\n=\n')
    assert read_release(path) == {"ID": "debian", "VERSION_ID": "12"}
    assert read_release(tmp_path / "missing") == {}
