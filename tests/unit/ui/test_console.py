"""Rendering: escaped, strict, and with the right token in every form."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from starlette.requests import Request

from stead.ui.assets import Assets
from stead.ui.console import Console


@dataclass(frozen=True)
class Somebody:
    name: str = "ann"
    csrf: str = 'tok"en'


def _request() -> Request:
    return Request({"type": "http", "method": "GET", "path": "/x", "headers": []})


@pytest.fixture
def console(tmp_path: Path) -> Console:
    pages = {
        "text.html": "{{ text }}",
        "form.html": "{{ csrf_field() }}",
        "missing.html": "{{ static('missing.css') }}",
    }
    for name, source in pages.items():
        (tmp_path / name).write_text(source)
    return Console({"t": tmp_path}, Assets())


def _body(console: Console, page: str, **values: object) -> str:
    return bytes(console.page(_request(), page, viewer=Somebody(), **values).body).decode()


def test_text_is_escaped(console: Console):
    assert _body(console, "t/text.html", text="<b>&") == "&lt;b&gt;&amp;"


def test_a_missing_value_is_an_error_and_not_an_empty_place(console: Console):
    with pytest.raises(UndefinedError):
        _body(console, "t/text.html")


def test_a_form_carries_its_sessions_token(console: Console):
    assert 'name="csrf" value="tok&#34;en"' in _body(console, "t/form.html")


def test_a_static_file_that_does_not_exist_is_an_error(console: Console):
    with pytest.raises(KeyError):
        _body(console, "t/missing.html")


def test_a_changed_file_changes_the_address_of_all(tmp_path: Path):
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "b.js").write_text("1")
    before = Assets(tmp_path)
    (tmp_path / "b.js").write_text("2")
    after = Assets(tmp_path)
    assert before.url("a.css") != after.url("a.css")
    assert after.find(before.build, "a.css") is None
    assert after.find(after.build, "../secret") is None


def test_only_known_kinds_of_files_are_served(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    assets = Assets(tmp_path)
    assert assets.find(assets.build, "notes.txt") is None
