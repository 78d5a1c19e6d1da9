"""What error pages say: something of its own for every kind of failure."""

import pytest

from stead.core.errors import HTTP_STATUS, Kind
from stead.entrypoints import failing

CRASH = failing.words(500)


def test_every_kind_of_failure_has_words():
    assert set(failing.WORDS) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_no_expected_failure_looks_like_a_crash(kind: Kind):
    assert failing.words(HTTP_STATUS[kind]) != CRASH


def test_somebody_who_was_too_fast_is_told_so():
    title, hint = failing.words(429)
    assert (title, hint) == ("That was too often", "Wait a moment, then try again.")


def test_a_status_of_several_kinds_speaks_for_all_of_them():
    assert failing.words(409) == failing.WORDS[Kind.CONFLICT]
    assert failing.words(405)[0] == "This page cannot be opened that way"
