"""The bar below the lines of an operation, and lists that are shown again."""

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.cells import cell_len
from typing_extensions import override

from stead.entrypoints import watching
from stead.entrypoints.bar import Bar
from stead.entrypoints.client import UNREACHABLE, Client, CommandError
from stead.entrypoints.follow import _View, follow
from stead.kit import clock

CLEAR = "\r\x1b[2K"


class Terminal(io.TextIOWrapper):
    """A terminal of so many columns, that remembers what was written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True, newline="")

    @override
    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode(self.encoding)

    @property
    def screen(self) -> list[str]:
        """Return what can be read on it, line by line."""
        return [line.rpartition(CLEAR)[2] for line in self.text.split("\n")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    def make(columns: int = 80, lines: int = 24, encoding: str = "utf-8") -> Terminal:
        made = Terminal(encoding)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(lines))
        monkeypatch.setattr(sys, "stdout", made)
        return made

    return make


def step(name: str, state: str, second: int = 0) -> tuple[str, dict[str, Any]]:
    at = f"2026-01-01T00:00:0{second}+00:00"
    return "step", {"seq": 1, "step": name, "at": at, "data": {"state": state}}


def view(steps: int = 4) -> _View:
    titles = {f"s{n}": f"Step {n}" for n in range(steps)}
    return _View(titles, quiet=False, heard=0.0, bar=Bar(steps))


def test_steps_fill_the_bar_and_ended_ones_stay_above_it(terminal: Callable[..., Terminal]):
    shown, seen = terminal(), view()
    for event in (step("s0", "running"), step("s0", "done", 2), step("s1", "running")):
        seen.show(*event)
    assert shown.screen == ["  ok  Step 0 (2.0 s)", "██████░░░░░░░░░░░░░░░░░░  1/4  Step 1"]


def test_progress_of_a_step_moves_the_bar_and_leaves_no_line(terminal: Callable[..., Terminal]):
    shown, seen = terminal(), view()
    seen.show(*step("s0", "running"))
    for percent in (10, 50):
        seen.show("progress", {"seq": 2, "data": {"percent": percent, "text": "unpacking"}})
    assert shown.screen == ["███░░░░░░░░░░░░░░░░░░░░░  0/4  Step 0  50 %  unpacking"]


def test_taking_back_empties_it_again(terminal: Callable[..., Terminal]):
    shown, seen = terminal(), view(2)
    for state in ("running", "done", "undone"):
        seen.show(*step("s0", state))
    assert shown.screen[-2:] == ["  <-  undone: Step 0", "░░░░░░░░░░░░░░░░░░░░░░░░  0/2"]


@pytest.mark.parametrize("columns", [10, 24, 49, 51, 80])
def test_it_never_needs_a_second_line(terminal: Callable[..., Terminal], columns: int):
    shown, seen = terminal(columns), view()
    seen.show(*step("s0", "running"))
    seen.show("progress", {"seq": 2, "data": {"percent": 50, "text": "非常に長い文章 " * 9}})
    (line,) = shown.screen
    assert "0/4" in line
    assert cell_len(line) < columns


def test_a_terminal_without_these_letters_gets_others(terminal: Callable[..., Terminal]):
    shown, seen = terminal(encoding="ascii"), view()
    seen.show(*step("s0", "running"))
    seen.show("log", {"seq": 2, "data": {"text": "naïve"}})
    assert shown.screen == ["      na?ve", "........................  0/4  Step 0"]


def test_what_a_package_says_does_not_steer_the_terminal(terminal: Callable[..., Terminal]):
    shown, seen = terminal(), view()
    nasty = "a\x1b[2Jb\x1b]0;title\x07c\x1b]52;c;ZXZpbA==\x1b\\d\x9b31me\x00f"
    seen.show("log", {"seq": 2, "data": {"text": nasty}})
    seen.show("progress", {"seq": 3, "data": {"percent": 1, "text": nasty}})
    assert shown.screen[0] == "      abcde f"
    assert set(re.findall(r"\x1b.{0,3}", shown.text)) == {"\x1b[2K"}


@pytest.mark.parametrize("percent", [None, "x", 300])
def test_a_figure_that_is_none_does_no_harm(terminal: Callable[..., Terminal], percent: object):
    shown, seen = terminal(), view(1)
    seen.show("progress", {"seq": 2, "data": {"percent": percent, "text": "x"}})
    assert "0/1" in shown.screen[-1]


class Followed(Client):
    """A client whose server tells the events of one operation, until somebody interrupts."""

    def __init__(self, *told: tuple[str, dict[str, Any]], interrupted: bool = False) -> None:
        self.told = told
        self.interrupted = interrupted

    @override
    def get(self, path: str) -> Any:
        steps = [{"name": "s0", "title": "Step 0"}]
        return {"title": "Deploy", "state": "succeeded", "error": None, "steps": steps}

    @override
    @contextmanager
    def events(self, path: str, after: int) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        yield iter(self.told)
        if self.interrupted:
            raise KeyboardInterrupt


def test_nothing_is_left_of_it_at_the_end(terminal: Callable[..., Terminal]):
    shown = terminal()
    follow(Followed(step("s0", "running"), step("s0", "done", 1), ("end", {})), "o")
    assert shown.screen == ["Deploy", "  ok  Step 0 (1.0 s)", ""]


def test_nothing_is_left_of_it_when_somebody_interrupts(terminal: Callable[..., Terminal]):
    shown = terminal()
    with pytest.raises(KeyboardInterrupt):
        follow(Followed(step("s0", "running"), interrupted=True), "o")
    assert shown.screen == ["Deploy", ""]


def test_a_file_gets_plain_lines(capsys: pytest.CaptureFixture[str]):
    progress = ("progress", {"seq": 2, "data": {"percent": 7, "text": "half"}})
    follow(Followed(step("s0", "running"), progress, step("s0", "done", 1), ("end", {})), "o")
    lines = ["Deploy", "  ·   Step 0", "        7 %  half", "  ok  Step 0 (1.0 s)"]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_terminal_that_cannot_draw_gets_plain_lines(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
):
    shown = terminal()
    monkeypatch.setenv("TERM", "dumb")
    follow(Followed(step("s0", "running"), ("end", {})), "o")
    assert shown.text == "Deploy\n  ·   Step 0\n"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], str]]:
    """Return a function that makes a look of these answers, after which somebody interrupts."""
    now = [0.0]

    def wait(_event: threading.Event, _timeout: float | None = None) -> bool:
        now[0] += 100
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    def make(*answers: str | CommandError) -> Callable[[], str]:
        left = iter(answers)

        def look() -> str:
            answer = next(left, None)
            if answer is None:
                raise KeyboardInterrupt
            if isinstance(answer, CommandError):
                raise answer
            return answer

        return look

    return make


Looks = Callable[..., Callable[[], str]]
AWAY = CommandError("away", UNREACHABLE)


def test_a_watched_list_is_told_again_only_when_it_changed(
    looks: Looks, capsys: pytest.CaptureFixture[str]
):
    watching.watch(looks("a", "a", "b"))
    assert capsys.readouterr().out == "a\nb\n"


def test_on_a_terminal_the_new_list_takes_the_place_of_the_old(
    looks: Looks, terminal: Callable[..., Terminal]
):
    shown = terminal(lines=5)
    watching.watch(looks("a", "b\nc\nd\ne\nf"))
    assert shown.text == "\x1b[H\x1b[2Ja\n\x1b[H\x1b[2Jb\nc\nd\nand 2 more\n"


def test_a_watched_server_may_be_away_for_a_while(
    looks: Looks, capsys: pytest.CaptureFixture[str]
):
    watching.watch(looks("a", AWAY, AWAY, "b", AWAY, AWAY, "b"))
    assert capsys.readouterr().out == "a\nb\n"


@pytest.mark.parametrize(
    "answers",
    [(AWAY,), ("a", CommandError("no", 3)), ("a", AWAY, AWAY, AWAY, AWAY)],
    ids=["at first", "not allowed any more", "for minutes"],
)
def test_watching_ends_when_it_makes_no_sense(
    looks: Looks, answers: tuple[str | CommandError, ...]
):
    with pytest.raises(CommandError):
        watching.watch(looks(*answers))
