"""How times, sizes and commands are written."""

from datetime import UTC, datetime, timedelta

import pytest

from stead.ui import text

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (10, "10 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86399, "23 h ago"),
        (86400, "yesterday"),
        (172800, "2 days ago"),
    ],
)
def test_an_age_is_rounded_down(seconds: int, words: str):
    assert text.age(NOON - timedelta(seconds=seconds), NOON) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (-1, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3725, "1 h 2 min")],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str):
    assert text.took(NOON, NOON + timedelta(seconds=seconds)) == words


def test_a_duration_without_an_end_is_not_made_up():
    assert text.took(NOON, None) == ""
    assert text.took(None, NOON) == ""


@pytest.mark.parametrize(
    ("megabytes", "words"),
    [(64, "64 MB"), (512, "512 MB"), (1024, "1 GB"), (1536, "1536 MB"), (8192, "8 GB")],
)
def test_memory_is_whole(megabytes: int, words: str):
    assert text.memory(megabytes) == words


def test_a_command_can_be_pasted_into_a_shell():
    assert text.command(["stead", "--set", "title=it's"]) == """stead --set 'title=it'"'"'s'"""


def test_prose_is_split_at_blank_lines():
    assert text.paragraphs("one\ntwo\n\n  \nthree\n") == ["one two", "three"]
