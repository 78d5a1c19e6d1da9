"""Every page of the console, seen by axe: WCAG 2 A and AA, both themes, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.e2e import walking
from tests.e2e.conftest import SIZES, Shoot
from tests.support.stead import Stead

pytestmark = [pytest.mark.e2e, pytest.mark.release, pytest.mark.timeout(300)]
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Themes differ in colours alone, and sizes in what is where: the rest is asked once.
COLOURS = ["color-contrast", "link-in-text-block"]
PLACES = ["target-size", "scrollable-region-focusable", "heading-order", "region"]
ASKED: dict[tuple[str, str], Any] = {
    ("wide", "light"): {"type": "tag", "values": RULES},
    ("wide", "dark"): {"type": "rule", "values": COLOURS},
    ("narrow", "light"): {"type": "rule", "values": [*COLOURS, *PLACES]},
    ("narrow", "dark"): {"type": "rule", "values": COLOURS},
}
RUN = """async only => {
  const answer = await axe.run(document, {
    runOnly: only, resultTypes: ["violations"], elementRef: false, selectors: true,
  });
  return answer.violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 160)}`));
}"""
# What sticks out of the window; what is only for screen readers takes no room.
BEYOND = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const out = [...document.querySelectorAll("main *, .side *")].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1
      && !e.closest(".sr, .log, pre, .scrolls, dialog:not([open])");
  });
  return (wide > 0 ? [`${wide} pixels too wide`] : [])
    .concat(out.slice(0, 3).map(e => `sticks out: ${e.outerHTML.slice(0, 160)}`));
}"""
# Kinds of pages that no link leads to here: behind a form, or when a repository has news.
BEHIND_A_FORM = {"/profile/second-factor", "/sources/{source_id}/proposal"}
FILES = {"/operations/{operation_id}/log"}


def examine(page: Page, name: str) -> list[str]:
    """Return what is wrong with a page, in both sizes and both themes."""
    page.evaluate(AXE.read_text())
    found = []
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            wrong = page.evaluate(RUN, ASKED[size, theme])
            if theme == "light":
                wrong += page.evaluate(BEYOND)
            found += [f"{name} ({size}, {theme}) {one}" for one in wrong]
    page.emulate_media(color_scheme="light")
    return found


def test_every_page_can_be_used_by_everybody(
    inhabited: Stead, strangers_page: Page, inhabited_console: str, shoot: Shoot
):
    page, console = strangers_page, inhabited_console
    wrong: list[str] = []

    def look(page: Page, name: str) -> None:
        wrong.extend(examine(page, name))
        shoot(page, name.strip("/").replace("/", "-").replace("?", "-") or "deployments")

    page.goto(f"{console}/sign-in")
    look(page, "/sign-in")
    page.goto(inhabited.admin("sign-in-link").strip())
    look(page, "/sign-in/link")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console}/")
    seen = walking.walk(page, console, look)
    walking.set_password(page, console)
    look(page, "/profile with a password")
    page.locator("form[action='/profile/second-factor/begin'] button").click()
    page.wait_for_url("**/profile/second-factor")
    look(page, "/profile/second-factor")
    page.goto(f"{console}/nothing")
    look(page, "/nothing")
    assert not wrong, "\n".join(wrong)
    unseen = set(walking.kinds()) - seen - BEHIND_A_FORM - FILES
    assert not unseen, f"no link leads to {unseen}: make one of it in tests/support/inhabited.py"
    assert set(walking.kinds()) - seen >= BEHIND_A_FORM | FILES, "these can be reached by a link"
