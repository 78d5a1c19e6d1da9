"""Turns a package's README into HTML that can do nothing: no raw HTML, no images, safe links."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

LIMIT: Final = 64 * 1024
_SCHEMES: Final = frozenset({"https", "http", "mailto"})


@lru_cache(maxsize=256)
def to_html(text: str) -> Markup:
    """Return the README as a part of a page whose own heading is the app's name.

    The first heading is left out, the others move one level down.
    """
    parser = _parser()
    tokens = parser.parse(text[:LIMIT])
    return Markup(parser.renderer.render(_below(tokens), parser.options, {}))  # noqa: S704 - escaped by the parser, which lets no HTML through


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).disable(["image", "reference"])
    parser.validateLink = _is_harmless  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link)
    return parser


def _is_harmless(url: str) -> bool:
    """Tell whether a link leads elsewhere, openly: no scripts, no data, no path of the console."""
    try:
        return urlsplit(url).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer nofollow")
    tokens[at].attrSet("target", "_blank")
    return renderer.renderToken(tokens, at, options, env)


def _below(tokens: list[Token]) -> list[Token]:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return tokens
