"""The stored contexts."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from stead.entrypoints import config
from stead.entrypoints.config import Contexts, Login

HOME, WORK = (
    Login("https://home.test", "stt_h", "ca"),
    Login("https://work.test:8443", "stt_w", ""),
)
BEFORE = 'url = "https://home.test"\ntoken = "stt_h"\nca = "ca"\n'


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config.ask_for("")


def write(text: str) -> Path:
    path = config.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_login_comes_back_and_is_private():
    login = Login("https://console.test", "stt_x", '-----BEGIN\nÄ\\"\n')
    path = config.save("one", login)
    assert config.find() == login
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_it_is_private_also_when_a_draft_was_left_open_to_all():
    path = config.path()
    path.parent.mkdir(parents=True)
    draft = path.with_suffix(".new")
    draft.write_text("left by a crash")
    draft.chmod(0o644)
    config.save("one", Login("u", "t", ""))
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(name: str, url: str, token: str, ca: str):
    known = Contexts(name, {name: Login(url, token, ca)})
    assert config._read(config._text(known).encode()) == known


@pytest.mark.parametrize("text", ["", "nonsense", "url = 1\ntoken = 2", "url = 'x'", "\0"])
def test_what_cannot_be_read_is_no_login(text: str):
    write(text)
    assert config.load() == Contexts()
    assert config.find() is None


@pytest.mark.parametrize(
    "text",
    ["contexts = 3", "[contexts]\na = 1", "[contexts.a]\nurl = 'x'", "current = 7\n[contexts]"],
)
def test_a_context_that_is_not_whole_is_none(text: str):
    write(text)
    assert config.load().logins == {}


def test_a_file_of_before_is_one_context_and_stays_with_the_next():
    write(BEFORE)
    assert config.find() == HOME
    config.save("work", WORK)
    assert config.load() == Contexts("work", {"home.test": HOME, "work": WORK})


def test_what_cannot_be_read_is_put_aside_before_it_would_be_written_over():
    path = write("[contexts.home\ntoken = 'stt_precious'")
    path.chmod(0o644)
    config.save("work", WORK)
    aside = path.with_suffix(".unreadable")
    assert "stt_precious" in aside.read_text()
    assert aside.stat().st_mode & 0o777 == 0o600


def test_the_last_that_was_signed_in_to_is_meant_until_another_is_used():
    config.save("home", HOME)
    config.save("work", WORK)
    assert config.find() == WORK
    config.use("home")
    assert config.find() == HOME


def test_one_command_can_mean_another():
    config.save("home", HOME)
    config.save("work", WORK)
    config.ask_for("home")
    assert config.find() == HOME
    assert config.load().current == "work"
    config.ask_for("elsewhere")
    assert config.find() is None


def test_nobody_is_meant_once_the_one_that_was_is_forgotten():
    config.save("home", HOME)
    config.save("work", WORK)
    config.remove("work")
    assert config.load() == Contexts("", {"home": HOME})
    assert config.find() is None


def test_the_others_are_left_alone_when_one_is_forgotten():
    config.save("home", HOME)
    config.save("work", WORK)
    config.remove("home")
    assert config.find() == WORK


@pytest.mark.parametrize("change", [config.use, config.remove])
def test_what_is_not_there_is_neither_used_nor_forgotten(change: object):
    config.save("home", HOME)
    assert callable(change)
    with pytest.raises(KeyError):
        change("work")
    assert config.load() == Contexts("home", {"home": HOME})


def test_an_address_keeps_its_name_and_a_new_one_is_called_by_its_host():
    assert config.name_for("https://work.test:8443") == "work.test:8443"
    assert config.name_for("nonsense") == "default"
    config.save("office", WORK)
    assert config.name_for("https://work.test:8443") == "office"


def test_changes_at_once_lose_nothing():
    start = threading.Barrier(8)

    def sign_in(number: int) -> None:
        start.wait()
        config.save(f"c{number}", Login("https://x.test", "stt_x", ""))

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(config.load().logins) == [f"c{number}" for number in range(8)]


def test_a_change_that_dies_before_it_is_whole_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    config.save("home", HOME)

    def die(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        config.save("work", WORK)
    assert config.load() == Contexts("home", {"home": HOME})
