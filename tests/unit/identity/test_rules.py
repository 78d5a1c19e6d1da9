"""Names, passwords, roles, limits and locks."""

from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from stead.core.policy import Role
from stead.identity import rules
from stead.identity.rules import LABELS, Resource

LONGEST = timedelta(minutes=15)


@pytest.mark.parametrize("name", ["ada", "a", "ada.l@example.org", "0x", "a" * 64])
def test_names_that_people_may_have(name: str):
    assert rules.is_login(name)


@pytest.mark.parametrize(
    "name", ["", "Ada", " ada", "ada ", "-ada", "a" * 65, "\u0430da", "a\n", "a/b"]
)
def test_names_that_people_may_not_have(name: str):
    assert not rules.is_login(name)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "12 characters at least"),
        ("x" * 201, "200 characters at most"),
        ("aaaaaaaaaaaaaaaa", "repeats itself"),
        ("correct ada battery", "Leave the name out"),
    ],
)
def test_a_weak_password_hears_what_is_wrong(password: str, words: str):
    assert words in (rules.password_problem(password, "Ada", 12) or "")


def test_several_words_will_do():
    assert rules.password_problem("correct horse battery", "ada", 12) is None


def test_roles_are_a_ladder():
    assert rules.at_least(Role.OWNER, Role.VIEWER)
    assert not rules.at_least(Role.DEVELOPER, Role.MAINTAINER)
    assert rules.higher(Role.VIEWER, Role.MAINTAINER) is Role.MAINTAINER


@given(st.integers(0, 10**9), st.integers(0, 100))
def test_locks_grow_up_to_their_longest(failures: int, free: int):
    lock = rules.lock_time(failures, free, LONGEST)
    assert timedelta(0) <= lock <= LONGEST
    assert lock <= rules.lock_time(failures + 1, free, LONGEST)
    assert bool(lock) == (failures >= free)


def test_every_limit_that_would_be_broken_is_named():
    broken = rules.excesses(
        {"cores": 4, "routes": 0, "disk_gb": 8},
        {"cores": 3, "routes": 0, "disk_gb": 8},
        {"cores": 2, "routes": 1, "disk_gb": 0, "instances": 9},
    )
    assert [one.resource for one in broken] == [Resource.CORES, Resource.ROUTES]
    assert broken[0].sentence == "3 of 4 cores are in use, and this needs 2 more"


def test_the_last_free_place_can_be_taken():
    assert rules.excesses({"cores": 4}, {"cores": 3}, {"cores": 1}) == []


def test_every_resource_has_a_word():
    assert set(LABELS) == set(Resource)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) Chrome/137.0 Safari/537.36 Edg/137.0",
            "Edge on Windows",
        ),
        ("curl/8.1", "curl"),
        ("", "Unknown"),
        ("x" * 5000, "x" * 40),
    ],
)
def test_browsers_are_called_what_people_call_them(agent: str, name: str):
    assert rules.browser_name(agent) == name
