"""Lists change in place: filters and pages without a page load, and a back button that works."""

import pytest
from playwright.sync_api import Page, expect
from tests.support.stead import Stead

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def sign_in(page: Page, stead: Stead, console: str) -> None:
    page.goto(stead.admin("sign-in-link").strip())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console}/")


def test_a_filter_changes_the_list_and_not_the_page(
    inhabited: Stead, strangers_page: Page, inhabited_console: str
):
    page, console = strangers_page, inhabited_console
    sign_in(page, inhabited, console)
    page.goto(f"{console}/operations")
    page.evaluate("window.unchanged = true")  # a page load would lose it
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.get_by_role("row", name="Deploy Redis as cache")).to_have_count(0)
    expect(page.get_by_role("row", name="as broken")).to_have_count(1)
    assert page.url == f"{console}/operations?state=failed"
    expect(page.get_by_role("link", name="Failed", exact=True)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("row", name="Deploy Redis as cache")).to_have_count(1)
    assert page.url == f"{console}/operations"
    page.go_forward()
    expect(page.get_by_role("row", name="Deploy Redis as cache")).to_have_count(0)
    assert page.evaluate("window.unchanged") is True


def test_a_form_that_only_asks_changes_the_list_too(
    inhabited: Stead, strangers_page: Page, inhabited_console: str
):
    page, console = strangers_page, inhabited_console
    sign_in(page, inhabited, console)
    page.goto(f"{console}/audit")
    page.evaluate("window.unchanged = true")
    page.get_by_label("Action").fill("server.manage")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**action=server.manage*")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.evaluate("window.unchanged") is True


def test_lists_are_filtered_without_scripts_too(
    inhabited: Stead, playwright_page_without_scripts: Page, inhabited_console: str
):
    page, console = playwright_page_without_scripts, inhabited_console
    sign_in(page, inhabited, console)
    page.goto(f"{console}/operations")
    page.get_by_role("link", name="Failed", exact=True).click()
    page.wait_for_url(f"{console}/operations?state=failed")
    expect(page.get_by_role("row", name="as broken")).to_have_count(1)
