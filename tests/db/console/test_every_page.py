"""What holds for every page, whoever writes it: found in the routes, not listed by hand."""

import re
from html.parser import HTMLParser

import pytest
from tests.db.console.conftest import ORIGIN, Site
from tests.support import pages


def _paths(method: str, *, public: bool) -> list[str]:
    found = pages.paths(method, public=public)
    return [path.replace("{", "").replace("}", "") for path in found]


PRIVATE, FORMS = _paths("GET", public=False), _paths("POST", public=False)
ALL_FORMS = FORMS + _paths("POST", public=True)
# What needs nothing but somebody who is signed in, and one page of an app.
PAGES = [path for path in pages.private_pages() if "{" not in path] + ["/catalog/redis"]
# Reached by a form of the profile, which has to make the key first.
BEHIND_A_FORM = {"/profile/second-factor"}


class _Outline(HTMLParser):
    """What of a page matters to those who do not see it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.count: dict[str, int] = {}
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag == "a":
            self.links.add((values.get("href") or "").partition("?")[0].partition("#")[0])
        if values.get("id"):
            self.ids.append(values["id"] or "")


async def _read(site: Site, path: str) -> tuple[str, _Outline]:
    answer = await site.browser.get(path)
    assert answer.status_code == 200, path
    return answer.text, _Outline(answer.text)


async def test_every_page_has_one_title_one_first_heading_and_ids_of_its_own(inside: Site):
    for path in PAGES:
        text, outline = await _read(inside, path)
        assert re.search(r"<title>[^<]*\w[^<]* · Stead</title>", text), path
        once = (outline.count["title"], outline.count["h1"], outline.count["main"])
        assert once == (1, 1, 1), path
        assert len(outline.ids) == len(set(outline.ids)), path


async def test_every_page_can_be_reached_by_links_and_every_link_leads_somewhere(inside: Site):
    seen: set[str] = set()
    ahead = {"/"}
    dead = {}
    while ahead:
        path = ahead.pop()
        seen.add(path)
        answer = await inside.browser.get(path)
        if answer.status_code != 200:
            dead[path] = answer.status_code
        elif answer.headers["content-type"].startswith("text/html"):
            found = {link for link in _Outline(answer.text).links if link.startswith("/")}
            ahead |= found - seen
    assert dead == {}
    assert set(PAGES) - seen == BEHIND_A_FORM


async def test_strangers_are_sent_to_sign_in(site: Site):
    let_in = {}
    for path in PRIVATE:
        answer = await site.browser.get(path)
        if (answer.status_code, answer.headers.get("location")) != (303, "/sign-in"):
            let_in[path] = answer.status_code
    assert let_in == {}


async def test_strangers_cannot_send_a_form(site: Site):
    let_in = {}
    for path in FORMS:
        answer = await site.browser.post(path, data={"csrf": ""}, headers={"Origin": ORIGIN})
        if (answer.status_code, answer.headers.get("location")) != (303, "/sign-in"):
            let_in[path] = answer.status_code
    assert let_in == {}


async def test_a_form_without_this_sessions_token_is_refused(inside: Site):
    taken = []
    for path in ALL_FORMS:
        for token in (None, "", "0" * 64, "é"):
            data = {} if token is None else {"csrf": token}
            answer = await inside.browser.post(path, data=data, headers={"Origin": ORIGIN})
            if answer.status_code != 403 or "another session" not in answer.text:
                taken.append((path, token, answer.status_code))
    assert taken == []


async def test_a_form_from_a_tenants_app_is_refused_though_cookie_and_token_are_right(
    inside: Site,
):
    taken = []
    data = {"csrf": await inside.csrf()}
    headers = {"Origin": "https://x.apps.stead.localhost", "Sec-Fetch-Site": "same-site"}
    for path in ALL_FORMS:
        answer = await inside.browser.post(path, data=data, headers=headers)
        if answer.status_code != 403:
            taken.append((path, answer.status_code))
    assert taken == []


async def test_every_page_keeps_to_itself(inside: Site):
    for path in [*PAGES, "/nothing", "/sign-in"]:
        headers = (await inside.browser.get(path)).headers
        csp = headers["content-security-policy"]
        assert "default-src 'none'" in csp, path
        assert "frame-ancestors 'none'" in csp, path
        assert "unsafe" not in csp, path
        assert headers["cache-control"] == "no-store", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path


async def test_a_browser_gets_failures_as_pages_and_a_program_as_problems(inside: Site):
    page = await inside.browser.get("/deployments/none")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such deployment" in page.text
    program = await inside.browser.get("/deployments/none", headers={"Accept": "*/*"})
    assert program.headers["content-type"] == "application/problem+json"
    api = await inside.browser.get("/api/v1/deployments/none")
    assert api.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/nothing", "/static/old/console.css", "/catalog/none"])
async def test_what_is_not_there_is_404(inside: Site, path: str):
    assert (await inside.browser.get(path)).status_code == 404


async def test_a_method_that_a_page_does_not_take_is_a_page_too(inside: Site):
    answer = await inside.browser.put(
        "/about", headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 405
    assert "cannot be opened that way" in answer.text


async def test_a_form_that_is_too_large_is_refused(inside: Site):
    answer = await inside.send("/tokens", {"name": "x" * (1024 * 1024)})
    assert answer.status_code == 413
    assert "That was too much" in answer.text


async def test_static_files_are_cached_for_ever_under_their_content(inside: Site):
    page = (await inside.browser.get("/about")).text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await inside.browser.get(path)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


async def test_anybody_may_have_the_ca_and_nobody_its_key(site: Site):
    answer = await site.browser.get("/ca.pem")
    assert answer.text.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in answer.text


async def test_a_theme_is_remembered_and_a_forged_one_ignored(inside: Site):
    inside.browser.cookies.set("stead-theme", "dark")
    assert 'data-theme="dark"' in (await inside.browser.get("/about")).text
    inside.browser.cookies.set("stead-theme", '"onload="x')
    assert "data-theme=" not in (await inside.browser.get("/about")).text.split("<body")[0]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "request.address"),
        ("PUT", "/api/v1/deployments", 405, "request.method"),
    ],
)
async def test_what_no_route_takes_is_a_problem_document_too(
    inside: Site, method: str, path: str, status: int, code: str
):
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    answer = await inside.browser.request(method, path, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)
    # All that the address takes, whichever routes take it.
    assert answer.headers.get("allow") == ("GET, POST" if status == 405 else None)


async def test_a_body_that_cannot_be_read_is_said_to_be_the_body(inside: Site):
    headers = {
        "Origin": ORIGIN,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/json",
    }
    csrf = {"X-CSRF-Token": await inside.csrf()}
    answer = await inside.browser.post(
        "/api/v1/deployments", content=b"{", headers={**headers, **csrf}
    )
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["body"])
