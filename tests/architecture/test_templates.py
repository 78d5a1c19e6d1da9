"""Rules that every template, style sheet and script of the console keeps."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

ROOT = Path(__file__).parents[2] / "src" / "stead"
TEMPLATES = sorted(ROOT.glob("*/templates/**/*.html"))
STATIC = sorted((ROOT / "ui" / "static").iterdir())
PAGES = [path for path in TEMPLATES if "{% extends" in path.read_text()]
LINE_LIMIT = 120

each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: f"{p.parts[-3]}/{p.name}")


def test_the_templates_are_found():
    assert len(TEMPLATES) > 20
    assert len(PAGES) > 10


@each_template
def test_it_parses_and_is_short(path: Path):
    text = path.read_text()
    Environment(autoescape=True).parse(text)
    assert text.count("\n") <= LINE_LIMIT


@each_template
def test_every_form_posts_with_the_token_of_its_session_or_only_asks(path: Path):
    for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
        posts = 'method="post"' in form
        assert posts or 'method="get"' in form
        # What only asks must not carry the token: it would stay in the address.
        assert ("csrf_field()" in form) is posts


@each_template
def test_nothing_is_inline_and_nothing_escapes_escaping(path: Path):
    text = path.read_text()
    for pattern in (r"\bstyle=", r"\son[a-z]+=", r"<style", r"javascript:", r"\|\s*safe\b"):
        assert not re.search(pattern, text), pattern
    assert "autoescape" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


@each_template
def test_what_leads_away_says_so_and_gives_no_handle(path: Path):
    for link in re.findall(r"<a\b[^>]*target=[^>]*>", path.read_text()):
        assert 'rel="noopener noreferrer"' in link


@pytest.mark.parametrize("path", PAGES, ids=lambda p: f"{p.parts[-3]}/{p.name}")
def test_every_page_has_a_title(path: Path):
    assert "{% block title %}" in path.read_text()


@pytest.mark.parametrize("path", [*TEMPLATES, *STATIC], ids=lambda p: p.name)
def test_nothing_is_loaded_from_elsewhere(path: Path):
    loads = r"""(?:src|href|action)=["']https?:|url\(["']?(?:https?|data):|import .*["']https?:"""
    assert not re.search(loads, path.read_text())


@pytest.mark.parametrize("path", [p for p in STATIC if p.suffix == ".js"], ids=lambda p: p.name)
def test_scripts_never_build_markup_or_code_from_text(path: Path):
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in path.read_text()


def test_every_class_of_a_colour_comes_from_the_tokens():
    for sheet in (p for p in STATIC if p.suffix == ".css" and p.name != "tokens.css"):
        colours = re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet.read_text())
        assert colours == [], sheet.name


def test_every_class_of_a_template_has_a_style_or_a_script_that_looks_for_it():
    known = "\n".join(p.read_text() for p in STATIC if p.suffix in {".css", ".js"})
    names = {name for path in TEMPLATES for name in _classes(path.read_text())}
    assert len(names) > 50
    unknown = {name for name in names if not re.search(rf"\.{re.escape(name)}(?![\w-])", known)}
    assert unknown == set()


def _classes(text: str) -> set[str]:
    """Return the classes that stand in a template as such, without those that it computes."""
    values = re.findall(r'class="((?:\{\{.*?\}\}|\{%.*?%\}|[^"{])*)"', text)
    return {
        word
        for value in values
        for word in re.sub(r"\S*(?:\{\{.*?\}\}|\{%.*?%\})\S*", " ", value).split()
    }
