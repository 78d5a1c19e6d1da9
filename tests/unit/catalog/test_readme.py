import pytest

from stead.catalog.readme import LIMIT, to_html


def test_prose_becomes_prose_below_the_pages_own_heading():
    html = to_html("# Demo\n\nSome *words*.\n\n## More\n\n- a\n- `b`\n")
    assert "Demo" not in html
    assert "<p>Some <em>words</em>.</p>" in html
    assert "<h3>More</h3>" in html
    assert "<li><code>b</code></li>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<b onclick=x>",
        "a <img src=x onerror=y>",
        "![x][1]\n\n[1]: https://example.org/x.png",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,x)",
        "[x](//example.org)",
        "[x](/deployments)",
        "[x](java\nscript:alert(1))",
        "<javascript:alert(1)>",
    ],
)
def test_nothing_in_it_can_act_or_load(text: str):
    html = to_html(text).lower()
    assert not any(word in html for word in ("<script", "<img", "<b", "href=", 'src="', "<a"))


def test_a_picture_is_only_a_link_to_it():
    html = to_html("![x](https://example.org/x.png)")
    assert "<img" not in html
    assert 'href="https://example.org/x.png"' in html


def test_a_link_leaves_openly_and_tells_nothing():
    html = to_html("[site](https://example.org/?a=1&b=2)")
    assert 'href="https://example.org/?a=1&amp;b=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_a_megabyte_of_nonsense_is_cut():
    assert len(to_html("[" * 10 * LIMIT)) <= LIMIT + 100
    assert len(to_html("> " * 10 * LIMIT)) < 10 * LIMIT
