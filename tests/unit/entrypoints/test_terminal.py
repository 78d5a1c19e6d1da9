"""What the command line prints for people, and what for programs."""

import json

import pytest

from stead.entrypoints import commands, terminal

ROWS = [
    {"name": "one", "created_at": "2026-01-02T03:04:05.678901Z", "used": 0, "on": True},
    {"name": "two", "created_at": "2026-01-02T03:04:05+00:00", "used": None, "on": False},
]
COLUMNS = ("name", "created_at", "used", "on")


def test_a_table_shows_moments_to_the_second_and_tells_none_from_nothing(
    capsys: pytest.CaptureFixture[str],
):
    terminal.table(ROWS, COLUMNS, as_json=False)
    heading, one, two = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAME", "CREATED", "AT", "USED", "ON"]
    assert one.split() == ["one", "2026-01-02", "03:04:05Z", "0", "yes"]
    assert two.split() == ["two", "2026-01-02", "03:04:05Z"]


def test_programs_get_every_digit(capsys: pytest.CaptureFixture[str]):
    terminal.table(ROWS, COLUMNS, as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "optional"), ("", "optional"), (False, "default false"), (64, "default 64")],
)
def test_an_input_that_may_be_left_out_says_what_it_then_is(value: object, said: str):
    assert commands._default(value) == said
