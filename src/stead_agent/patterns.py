"""Full-match patterns without backtracking, so that no pattern and no value can hang a process.

A pattern is a subset of regular expressions (docs/reference/agent-protocol.md, "Patterns") that
is followed over sets of positions within a fixed budget of steps.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

PATTERN_LIMIT = 512
TEXT_LIMIT = 4096
REPEAT_LIMIT = 1000
DEPTH_LIMIT = 16
STEP_LIMIT = 200_000

_COUNT = re.compile("[0-9]{1,4}")
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(" \t\n\r\f\v")
_CLASSES = {"d": frozenset(string.digits), "w": _WORD, "s": _SPACE}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_Positions = set[int]
_Node = Callable[["_Run", _Positions], _Positions]
_Test = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern is outside the subset, or following it costs more than the budget."""


def matches(pattern: str, text: str) -> bool:
    """Tell whether all of text fits the pattern; raise PatternError when that cannot be told."""
    node = _Parser(pattern).whole()
    if len(text) > TEXT_LIMIT:
        raise PatternError(f"it is checked on at most {TEXT_LIMIT} characters")
    return len(text) in node(_Run(text), {0})


class _Run:
    """One text, and the steps that are left to follow a pattern over it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._left = STEP_LIMIT

    def spend(self, steps: int) -> None:
        self._left -= steps + 1
        if self._left < 0:
            raise PatternError("it is too costly to check")


class _Parser:
    """Reads a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > PATTERN_LIMIT:
            raise PatternError(f"it is longer than {PATTERN_LIMIT} characters")
        self._pattern = pattern
        self._at = 1 if pattern.startswith("^") else 0
        self._depth = 0

    def whole(self) -> _Node:
        node = self._choice()
        if self._peek() == "$" and self._at == len(self._pattern) - 1:
            self._at += 1
        if self._at < len(self._pattern):
            raise PatternError(f"{self._peek()!r} at {self._at} is not supported")
        return node

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, wanted: str) -> bool:
        if not self._pattern.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise PatternError("it ends too early")
        self._at += 1
        return char

    def _choice(self) -> _Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _any_of(branches)

    def _sequence(self) -> _Node:
        parts = []
        while self._peek() and self._peek() not in "|)$":
            parts.append(self._quantified(self._atom()))
        return _one_after_another(parts)

    def _atom(self) -> _Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return _character(self._set())
        if char == "\\":
            return _character(self._escape())
        if char == ".":
            return _character(lambda c: c != "\n")
        if char in "*+?{}^]":
            raise PatternError(f"{char!r} at {self._at - 1} is not supported")
        return _character(_is(char))

    def _group(self) -> _Node:
        self._take("?:")
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise PatternError(f"groups are nested deeper than {DEPTH_LIMIT}")
        node = self._choice()
        if not self._take(")"):
            raise PatternError("a group is not closed")
        self._depth -= 1
        return node

    def _quantified(self, node: _Node) -> _Node:
        char = self._peek()
        if char in _QUANTIFIERS and char:
            self._at += 1
            low, high = _QUANTIFIERS[char]
        elif char == "{":
            low, high = self._bounds()
        else:
            return node
        self._take("?")  # lazy or greedy, the whole text fits or it does not
        return _repeat(node, low, high)

    def _bounds(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at + 1 : max(end, self._at)].partition(",")
        numbers = [int(n) if _COUNT.fullmatch(n) else None for n in (low, high)]
        self._at = end + 1
        least, most = numbers[0], numbers[1] if comma else numbers[0]
        if least is None or (high and most is None):
            raise PatternError("a repetition is written {n}, {n,} or {n,m}")
        if max(least, most or 0) > REPEAT_LIMIT or (most is not None and most < least):
            raise PatternError(f"a repetition counts up to {REPEAT_LIMIT}")
        return least, most

    def _escape(self) -> _Test:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char].__contains__
        if char.lower() in _CLASSES:
            members = _CLASSES[char.lower()]
            return lambda c: c not in members
        return _is(self._plain(char))

    def _plain(self, char: str) -> str:
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _WORD or not char.isascii():
            raise PatternError(f"\\{char} is not supported")
        return char

    def _set(self) -> _Test:
        inverted = self._take("^")
        tests: list[_Test] = []
        while not (tests and self._take("]")):
            tests.append(self._member())
        return lambda c: any(test(c) for test in tests) != inverted

    def _member(self) -> _Test:
        first = self._next()
        if first == "\\":
            if self._peek().lower() in _CLASSES:
                return self._escape()
            first = self._plain(self._next())
        elif first in "[]":
            raise PatternError(f"{first!r} inside a set is written with a backslash")
        if self._peek() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return _is(first)
        self._at += 1
        last = self._next()
        last = self._plain(self._next()) if last == "\\" else last
        if last < first or last in "[]":
            raise PatternError("a range in a set runs backwards")
        return lambda c: first <= c <= last


def _is(wanted: str) -> _Test:
    return lambda c: c == wanted


def _character(test: _Test) -> _Node:
    def follow(run: _Run, starts: _Positions) -> _Positions:
        run.spend(len(starts))
        return {at + 1 for at in starts if at < len(run.text) and test(run.text[at])}

    return follow


def _one_after_another(parts: list[_Node]) -> _Node:
    def follow(run: _Run, starts: _Positions) -> _Positions:
        for part in parts:
            starts = part(run, starts)
        return starts

    return follow


def _any_of(branches: list[_Node]) -> _Node:
    def follow(run: _Run, starts: _Positions) -> _Positions:
        return set().union(*(branch(run, starts) for branch in branches))

    return follow


def _repeat(node: _Node, low: int, high: int | None) -> _Node:
    def follow(run: _Run, starts: _Positions) -> _Positions:
        reached = starts
        for _ in range(low):
            run.spend(len(reached))
            after = node(run, reached)
            if after == reached:
                break
            reached = after
        seen, fresh, count = set(reached), reached, low
        while fresh and (high is None or count < high):
            run.spend(len(fresh))
            fresh = node(run, fresh) - seen
            seen |= fresh
            count += 1
        return seen

    return follow
