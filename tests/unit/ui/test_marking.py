"""Templates in plain English, and the messages that they become."""

import pytest
from jinja2 import Environment

from stead.ui import languages
from stead.ui.marking import PlainTexts, mark


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        ("<h1>Catalog</h1>", '<h1>{{ gettext("Catalog") }}</h1>'),
        ("<p>\n  Two\n  lines\n</p>", '<p>\n  {{ gettext("Two lines") }}\n</p>'),
        (
            "<p>{{ a.name }} in {{ b.gb }}</p>",
            '<p>{{ gettext("%(name)s in %(gb)s", name=_said(a.name), gb=_said(b.gb)) }}</p>',
        ),
        ("<p>100 % of it</p>", '<p>{{ gettext("100 %% of it") }}</p>'),
        ('<a title="Copy" href="/a">', '<a title="{{ gettext("Copy") }}" href="/a">'),
        ('<i data-busy="Saving {{ x }}…">', None),
        ('{{ "Remove" if a else b }}', '{{ gettext("Remove") if a else b }}'),
        ('{% call parts.empty("grid", "Nothing yet") %}', None),
        ('{{ icons.icon("plus") }}Deploy', '{{ icons.icon("plus") }}{{ gettext("Deploy") }}'),
    ],
)
def test_a_text_becomes_a_message(source: str, marked: str | None):
    said = mark(source)
    assert "gettext(" in said
    assert marked is None or said == marked


@pytest.mark.parametrize(
    "source",
    [
        "<code>stead list</code>",
        "{# Only a remark. #}",
        '{% if badge.label == "Live" %}{% endif %}',
        '{{ parts.cli("stead list") }}',
        "<p>{{ name }} · {{ 3 }}</p>",
        '<a class="button" href="/catalog">',
        "{% trans %}By <b>hand</b>{% endtrans %}",
        '{{ {"Key": 1}["Key"] }}',
    ],
)
def test_what_is_no_text_stays_as_it_is(source: str):
    assert mark(source) == source


def test_a_value_is_escaped_and_a_message_is_not():
    jinja = Environment(autoescape=True, extensions=("jinja2.ext.i18n", PlainTexts))
    jinja.install_gettext_callables(str, lambda one, _many, _n: one, newstyle=True)  # type: ignore[attr-defined]
    jinja.globals["_said"] = languages.said
    page = jinja.from_string("<p>Hello &amp; welcome, {{ name }}</p>").render(name="<b> 5 % s")
    assert page == "<p>Hello &amp; welcome, &lt;b&gt; 5 % s</p>"
