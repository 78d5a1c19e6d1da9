"""The tokens keep the contrast that WCAG 2.2 AA asks for, in light and in dark."""

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[2] / "src/stead/ui/static/tokens.css").read_text()
TEXT, GRAPHIC = 4.5, 3.0
GROUNDS = ("ground", "surface", "raised", "sunken", "log-ground")
PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "ink-2", "accent") for ground in GROUNDS],
    ("accent-ink", "accent", TEXT),
    ("accent-ink", "accent-strong", TEXT),
    ("accent-strong", "accent-soft", TEXT),
    ("ink-2", "accent-soft", TEXT),
    ("good", "good-soft", TEXT),
    ("bad", "bad-soft", TEXT),
    ("bad", "surface", TEXT),
    ("bad", "log-ground", TEXT),
    ("busy", "busy-soft", TEXT),
    *[("ink", f"{tone}-soft", TEXT) for tone in ("good", "bad", "busy")],
    *[("ink-2", f"{tone}-soft", TEXT) for tone in ("good", "bad", "busy")],
    ("line-strong", "surface", GRAPHIC),
    ("focus", "ground", GRAPHIC),
    ("accent", "line", GRAPHIC),
]


def _block(selector: str) -> dict[str, str]:
    body = TOKENS.split(selector + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", body))


THEMES = {
    "light": _block(':root[data-theme="light"]'),
    "dark": _block(':root[data-theme="dark"]'),
}


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_it_can_be_read(theme: str, ink: str, ground: str, least: float):
    tokens = THEMES[theme]
    assert _contrast(tokens[ink], tokens[ground]) >= least


def test_both_ways_into_the_dark_lead_to_the_same_colours():
    assert _block(":root:not([data-theme])") == THEMES["dark"]


def test_both_themes_have_the_same_tokens():
    assert THEMES["light"].keys() == THEMES["dark"].keys()
