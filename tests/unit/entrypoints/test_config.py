"""The stored login."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from stead.entrypoints import config
from stead.entrypoints.config import Login


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_login_comes_back_and_is_private():
    login = Login("https://console.test", "stt_x", '-----BEGIN\nÄ\\"\n')
    path = config.save(login)
    assert config.load() == login
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_it_is_private_also_when_a_draft_was_left_open_to_all():
    path = config.path()
    path.parent.mkdir(parents=True)
    draft = path.with_suffix(".new")
    draft.write_text("left by a crash")
    draft.chmod(0o644)
    config.save(Login("u", "t", ""))
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.text(min_size=1), st.text(min_size=1), st.text())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(url: str, token: str, ca: str):
    login = Login(url, token, ca)
    config.save(login)
    assert config.load() == login


@pytest.mark.parametrize("text", ["", "nonsense", "url = 1\ntoken = 2", "url = 'x'", "\0"])
def test_what_cannot_be_read_is_no_login(text: str):
    path = config.path()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert config.load() is None
