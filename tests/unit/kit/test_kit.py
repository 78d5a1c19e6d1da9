"""Ids, tokens, secrets, names, time."""

import json
import threading
import time
from datetime import UTC

import pytest
from hypothesis import given, strategies as st

from stead.kit import clock, ids, text
from stead.kit.secrets import Secret


def test_ids_sort_in_the_order_in_which_they_were_made():
    made = [ids.new_id() for _ in range(2000)]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {26}


def test_ids_of_several_threads_are_all_different():
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend(ids.new_id() for _ in range(500)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2000


def test_ids_grow_also_while_the_clock_stands_back(monkeypatch: pytest.MonkeyPatch):
    before = ids.new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert before < ids.new_id() < ids.new_id()


def test_tokens_name_their_kind_and_are_long_and_stored_otherwise():
    one, two = ids.new_token("stt"), ids.new_token("stt")
    assert one.startswith("stt_")
    assert len(one) >= 40
    assert one != two
    assert one not in ids.token_hash(one)
    assert ids.token_hash(one) != ids.token_hash(two)


def test_passwords_are_as_long_as_asked_and_easy_to_read_aloud():
    password = ids.new_password(32)
    assert len(password) == 32
    assert not set(password) & set("0O1lI")


def test_a_secret_does_not_show_itself():
    secret = Secret("hunter2")
    shown = (str(secret), repr(secret), f"{secret}", f"{[secret]}", "%s" % secret)  # noqa: UP031  (old formatting too)
    assert not any("hunter2" in one for one in shown)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret.reveal() == "hunter2"


def test_secrets_compare_by_value_with_their_own_kind_only():
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize("name", ["a", "a1", "a-b", "a" * 40, "xn--a"])
def test_names_are_labels(name: str):
    assert text.is_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "-a", "a-", "a" * 41, "a_b", "a.b", "a\n", "ä", "\u0430", "a b", "\0"]
)
def test_everything_else_is_no_name(name: str):
    assert not text.is_name(name)


@given(st.text(max_size=60))
def test_a_name_is_always_a_label_of_dns(name: str):
    if text.is_name(name):
        assert name.isascii()
        assert name == name.lower()
        assert len(name) <= 63
        assert name[0].isalpha()
        assert name[-1] != "-"


def test_times_are_in_utc_and_a_fixed_clock_stands():
    now = clock.utc_now()
    assert now.tzinfo is UTC
    assert clock.FixedClock(now).now() is now
