"""Signing in and out by browser."""

import httpx
import pytest
from tests.db.console.conftest import ORIGIN, Site


async def test_looking_at_a_link_does_not_use_it_up(site: Site):
    path = await site.link()
    for _ in range(2):
        page = await site.browser.get(path)
        assert (page.status_code, "Sign in on this device" in page.text) == (200, True)
    assert not site.browser.cookies


async def test_a_link_signs_in_once(site: Site):
    path = await site.link()
    first = await site.browser.post(path, data={"csrf": ""}, headers={"Origin": ORIGIN})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    site.browser.cookies.clear()
    again = await site.browser.post(path, data={"csrf": ""}, headers={"Origin": ORIGIN})
    assert again.status_code == 410
    assert "stead admin sign-in-link" in again.text
    assert not site.browser.cookies


async def test_the_cookie_stays_with_this_host_and_away_from_scripts(site: Site):
    path = await site.link()
    answer = await site.browser.post(path, data={"csrf": ""}, headers={"Origin": ORIGIN})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-stead=sts_")
    for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("origin", [None, "https://x.apps.stead.localhost", "null"])
async def test_another_origin_cannot_redeem_a_link(site: Site, origin: str | None):
    path = await site.link()
    headers = {"Origin": origin} if origin else {}
    answer = await site.browser.post(path, data={"csrf": ""}, headers=headers)
    assert answer.status_code == 403
    assert not site.browser.cookies
    assert "Sign in on this device" in (await site.browser.get(path)).text


async def test_signing_out_ends_the_session_on_the_server(inside: Site):
    session = inside.browser.cookies["__Host-stead"]
    answer = await inside.send("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "__Host-stead" not in inside.browser.cookies
    stolen = {"Cookie": f"__Host-stead={session}"}
    assert (await inside.browser.get("/", headers=stolen)).status_code == 303


async def test_a_used_link_shows_the_way_in_to_whoever_is_signed_in(inside: Site):
    path = await inside.link()
    await inside.send(path)
    page = await inside.browser.get(path)
    assert "You are signed in as admin" in page.text


@pytest.mark.parametrize("site_of_link", ["cross-site", "same-site"])
async def test_a_link_from_elsewhere_is_followed_once_more_from_here(
    site: Site, site_of_link: str
):
    """The browser leaves the strict cookie out the first time, so the page asks it again."""
    page = await site.browser.get("/catalog", headers={"Sec-Fetch-Site": site_of_link})
    assert (page.status_code, 'http-equiv="refresh"' in page.text) == (200, True)
    own = await site.browser.get("/catalog", headers={"Sec-Fetch-Site": "same-origin"})
    assert _target(own) == "/sign-in"


@pytest.mark.parametrize("cookie", ["__Host-stead=", "__Host-stead=sts_forged", 'a="', "\x01=b"])
async def test_a_broken_cookie_is_no_session(site: Site, cookie: str):
    assert _target(await site.browser.get("/", headers={"Cookie": cookie})) == "/sign-in"


def _target(answer: httpx.Response) -> str | None:
    return answer.headers.get("location")
