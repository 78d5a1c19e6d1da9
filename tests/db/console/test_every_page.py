"""What holds for every page, whoever writes it: found in the routes, not listed by hand."""

import pytest
from fastapi.routing import APIRoute
from tests.db.console.conftest import ORIGIN, Site

from stead.core import authz
from stead.entrypoints import web

ROUTES = [
    (module.router.prefix, route)
    for module in web.PAGES.values()
    for route in module.router.routes
    if isinstance(route, APIRoute)
]


def _paths(method: str, *, public: bool) -> list[str]:
    return [
        route.path.replace("{", "").replace("}", "")
        for _, route in ROUTES
        if method in route.methods
        and (authz.declared(route.endpoint) or "").startswith("public") is public
    ]


PRIVATE, FORMS = _paths("GET", public=False), _paths("POST", public=False)
ALL_FORMS = FORMS + _paths("POST", public=True)


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


@pytest.mark.parametrize(
    "path", ["/", "/catalog", "/operations", "/tokens", "/about", "/nothing", "/sign-in"]
)
async def test_every_page_keeps_to_itself(inside: Site, path: str):
    headers = (await inside.browser.get(path)).headers
    csp = headers["content-security-policy"]
    assert "default-src 'none'" in csp
    assert "frame-ancestors 'none'" in csp
    assert "unsafe" not in csp
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


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
