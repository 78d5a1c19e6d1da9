"""Somebody who watches many things at once: every tab keeps its stream."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.support.stead import Stead

pytestmark = [pytest.mark.e2e, pytest.mark.release, pytest.mark.timeout(300)]
TABS = 10
LIMIT_MS = 60_000


def test_ten_tabs_follow_an_operation_and_pages_still_load(
    strangers_page: Page, inhabited: Stead, inhabited_console: str
):
    """A browser opens six connections to a server; streams of all tabs have to share one."""
    page = strangers_page
    page.goto(inhabited.admin("sign-in-link").strip())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{inhabited_console}/")
    page.goto(f"{inhabited_console}/operations")
    page.get_by_role("link", name="facts on nas").click()
    page.wait_for_url(re.compile(r"/operations/\w{26}$"))
    tabs = [page, *(page.context.new_page() for _ in range(TABS - 1))]
    for tab in tabs[1:]:
        tab.goto(page.url)
    for tab in tabs:
        expect(tab.locator("[data-stream]")).to_have_text("Live", timeout=LIMIT_MS)
    spoken = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert spoken == "h2"
    # One that has to be told asks to be cancelled, in the last tab; all others hear of it.
    tabs[-1].get_by_role("button", name="Cancel").click()
    for tab in tabs:
        expect(tab.locator("h1")).to_contain_text("Cancelled", timeout=LIMIT_MS)
