"""Goes through the console by its own links, and calls back on every kind of page."""

import re
from collections.abc import Callable

from playwright.sync_api import Page
from tests.support import pages

PASSWORD = "correct horse battery"
# Operations that go on, ended well and failed look different; of other kinds one page will do.
OF_A_KIND = {"/operations/{operation_id}": 4, "/deployments/{deployment_id}": 2}
LINKS = """() => [...document.links].filter(a => a.origin === location.origin && !a.hash)
  .map(a => a.pathname + a.search)"""

Look = Callable[[Page, str], None]


def kinds() -> dict[str, re.Pattern[str]]:
    """Return the pages of somebody who is signed in, by what their addresses look like.

    Pages without ids come first, since their addresses also look like those with ids.
    """
    paths = sorted(pages.private_pages(), key=lambda path: path.count("{"))
    return {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"(\?.*)?$") for path in paths}


def walk(page: Page, console: str, look: Look) -> set[str]:
    """Look at pages of every kind that links lead to; return the kinds that were seen."""
    known = kinds()
    seen: dict[str, int] = {}
    asked = {"/"}
    ahead = ["/"]
    while ahead:
        path = ahead.pop(0)
        kind = next((name for name, shape in known.items() if shape.match(path)), "")
        if not kind or seen.get(kind, 0) >= OF_A_KIND.get(kind, 1) or kind.endswith("/log"):
            continue
        seen[kind] = seen.get(kind, 0) + 1
        page.goto(console + path)
        look(page, path)
        found = [link for link in page.evaluate(LINKS) if link not in asked]
        asked.update(found)
        ahead += dict.fromkeys(found)
    return set(seen)


def set_password(page: Page, console: str) -> None:
    """Give the account a password, which a second factor needs."""
    page.goto(f"{console}/profile")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=repeat]").fill(PASSWORD)
    page.locator("form[action='/profile/password'] button").click()
    page.locator("form[action='/profile/second-factor/begin'] button").wait_for()
