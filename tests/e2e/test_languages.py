"""The console in a language that nobody speaks: what is not in it cannot be translated."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright
from tests.e2e import walking
from tests.e2e.conftest import SWITCHES
from tests.e2e.test_accessibility import BEYOND
from tests.support.stead import Stead

from stead.ui import languages

pytestmark = [pytest.mark.e2e, pytest.mark.release, pytest.mark.timeout(300)]
# Texts outside of the brackets that the pseudo-locale puts around its messages, and not
# within what shows code, logs and names.
FOREIGN = """([open, close]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let depth = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("script, style, code, pre, .log, [translate=no]")) continue;
    let outside = "";
    for (const letter of node.data) {
      if (letter === open) depth += 1;
      else if (letter === close) depth -= 1;
      else if (depth === 0) outside += letter;
    }
    if (/\\p{L}{2}/u.test(outside)) found.push(outside.trim().replace(/\\s+/g, " "));
  }
  const shown = ["title", "placeholder", "aria-label", "alt", "data-busy", "data-confirm"];
  for (const name of shown) {
    for (const one of document.querySelectorAll(`[${name}]:not(time, [translate=no])`)) {
      const said = one.getAttribute(name);
      if (/\\p{L}{2}/u.test(said) && !said.includes(open)) found.push(`${name}=${said}`);
    }
  }
  if (depth !== 0) found.push(`brackets do not match: ${depth}`);
  return found;
}"""
LISTS = (
    *(
        "catalog",
        "deployments",
        "operations",
        "agents",
        "clusters",
        "clusters/engines",
        "projects",
    ),
    *(
        "bundles",
        "bundle-catalog",
        "sources",
        "people",
        "tokens",
        "organisations",
        "audit",
        "bulk",
        "jobs",
        "me",
        "commands",
        "sessions",
    ),
)
# What the API says of itself is English; pages show it as it is said there.
ENGLISH = ("Vms", "Cpu limit", "VMs", "CPU limit", "HTTPS", "TCP", "Stead")


def strings(value: object) -> Iterator[str]:
    """Return every text in a document of JSON, and how it looks at the start of a line."""
    if isinstance(value, str) and len(value) > 1:
        yield from (value, value.capitalize(), value.replace("_", " ").capitalize())
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from strings(inner)


def data_of(stead: Stead) -> list[str]:
    """Return what people, apps and engines named, longest first."""
    with stead.api() as api:

        def ask(path: str) -> list[dict[str, Any]]:
            answer: list[dict[str, Any]] = api.get(f"/api/v1/{path}").json()
            return answer

        answers: list[object] = [ask(name) for name in LISTS]
        for name in ("catalog", "deployments", "operations", "agents", "clusters", "bulk"):
            answers += [ask(f"{name}/{one['id']}") for one in ask(name)]
        answers += [ask(f"clusters/{one['id']}/guests") for one in ask("clusters")]
        answers += [ask(f"deployments/{one['id']}/snapshots") for one in ask("deployments")]
        answers += [ask(f"agents/{one['id']}/packages") for one in ask("agents")]
        for hook in [
            one for mine in ask("projects") for one in ask(f"projects/{mine['id']}/webhooks")
        ]:
            answers += [hook, ask(f"webhooks/{hook['id']}/deliveries")]
        answers += [one for one in ask("settings") if "new_project" in one["name"]]
    return sorted({*strings(answers), *ENGLISH}, key=len, reverse=True)


ADDRESSES = re.compile(r"^[a-z-]+=(?=https)|https?://\S*|[\w-]+\.localhost\S*")


def unsaid(text: str, data: list[str]) -> str:
    """Return what is left of a text without data and addresses, which may hold each other."""
    left = _without(data, ADDRESSES.sub("", text))
    left = left and ADDRESSES.sub("", _without(data, text))
    return left if re.search(r"[^\W\d_]{2}", left) else ""


def _without(data: list[str], text: str) -> str:
    for one in data:
        text = text.replace(one, "")
    return text if re.search(r"[^\W\d_]{2}", text) else ""


def test_every_text_can_be_translated_and_longer_ones_fit(
    inhabited: Stead, playwright: Playwright, launcher: Path, inhabited_console: str
):
    data = data_of(inhabited)
    wrong: list[str] = []

    def look(page: Page, name: str) -> None:
        found = page.evaluate(FOREIGN, [languages.OPEN, languages.CLOSE])
        wrong.extend(
            f"{name} not translated: {one} (if people typed it, have data_of ask for it)"
            for one in found
            if unsaid(one, data)
        )
        page.set_viewport_size({"width": 390, "height": 844})
        wrong.extend(f"{name} {one}" for one in page.evaluate(BEYOND))
        page.set_viewport_size({"width": 1280, "height": 800})

    browser = playwright.chromium.launch(executable_path=launcher, args=[*SWITCHES])
    context = browser.new_context(ignore_https_errors=True, locale=languages.PSEUDO)
    page = context.new_page()
    page.goto(inhabited.admin("sign-in-link").strip())
    look(page, "/sign-in/link")
    page.get_by_role("button").click()
    page.wait_for_url(f"{inhabited_console}/")
    walking.walk(page, inhabited_console, look)
    page.goto(f"{inhabited_console}/nothing")
    look(page, "/nothing")
    browser.close()
    assert not wrong, "\n".join(wrong)
