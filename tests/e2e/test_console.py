"""Journeys through the console in a real browser, against a whole Stead."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.conftest import Shoot
from tests.support import pages
from tests.support.stead import Stead

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PATIENCE = 120_000
ATTACK = """url => {
  const form = Object.assign(document.createElement("form"), {method: "POST", action: url});
  form.append(Object.assign(document.createElement("input"), {name: "name", value: "stolen"}));
  document.body.append(form);
  form.submit();
}"""
# Whether a stream or a socket opens, and what can be asked for without leave to read it.
EAVESDROP = """async ([url, paths]) => {
  const open = (one) => new Promise((done) => {
    one.onopen = () => done("open");
    one.onerror = () => { one.close(); done("refused"); };
  });
  for (const path of paths) {
    await fetch(url + path, {credentials: "include", mode: "no-cors"}).catch(() => null);
  }
  return [
    await open(new EventSource(url + paths[0], {withCredentials: true})),
    await open(new WebSocket(url.replace("https:", "wss:") + paths[0])),
  ];
}"""
# What sticks out of the window; what is only for screen readers takes no room.
BEYOND = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const out = [...document.querySelectorAll("main *, .side *")].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".sr"));
  return (wide > 0 ? [`${wide} pixels`] : []).concat(out.slice(0, 3).map(e => e.outerHTML));
}"""
PASSWORD = "correct-horse-battery"


@pytest.fixture
def quick(command_line: Stead) -> Iterator[str]:
    """Return the name of a tenant's app that is live."""
    command_line.cli("deploy", "quick", "--name", "tenant", "--quiet")
    yield "tenant"
    command_line.cli("remove", "tenant", "--yes")


def test_an_app_from_the_catalog_to_its_page_and_away_again(
    signed_in: Page, console: str, shoot: Shoot, complaints: list[str]
):
    page = signed_in
    expect(page.get_by_text("Nothing runs here yet")).to_be_visible()
    shoot(page, "deployments-empty")
    page.get_by_role("link", name="Open the catalog").click()
    shoot(page, "catalog")
    page.get_by_role("link", name="Static site").click()
    _fill_wrongly_then_right(page, shoot)
    _watch_it_happen(page, shoot)
    _open_the_app(page)
    _look_at_it(page, console, shoot)
    _remove_it(page, console, shoot)
    assert complaints == []


def _fill_wrongly_then_right(page: Page, shoot: Shoot) -> None:
    page.get_by_label("Name").fill("Not A Name")
    page.get_by_label("Title").fill("")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name")).to_be_focused()
    shoot(page, "form-problems")
    page.get_by_label("Name").fill("welcome")
    page.get_by_label("Title").fill("Hello from the cellar")
    command = "stead deploy static-site --name welcome --set 'title=Hello from the cellar'"
    expect(page.locator("#command")).to_have_text(command)
    expect(page.locator("[data-mirror]")).to_have_text("welcome")
    page.get_by_role("button", name="Deploy").click()


def _watch_it_happen(page: Page, shoot: Shoot) -> None:
    page.wait_for_url("**/operations/*")
    page.evaluate("window.unchanged = true")  # a reload would lose it
    expect(page.locator("[data-step=install].busy")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("log")).to_contain_text("nginx", timeout=PATIENCE)
    expect(page.locator("progress")).to_be_visible(timeout=PATIENCE)
    shoot(page, "operation-running")
    expect(page.get_by_role("heading", name="welcome is live")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".step.good")).to_have_count(11)
    assert page.evaluate("window.unchanged") is True
    assert page.title().startswith("Done")
    shoot(page, "operation-done")


def _open_the_app(page: Page) -> None:
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open welcome").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Hello from the cellar")
    assert re.match(r"https://welcome\.apps\.stead\.localhost:\d+/$", opened.value.url)
    opened.value.close()


def _look_at_it(page: Page, console: str, shoot: Shoot) -> None:
    page.goto(f"{console}/")
    expect(page.get_by_role("row", name="welcome")).to_contain_text("Live")
    shoot(page, "deployments")
    page.get_by_role("link", name="welcome", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("welcome")
    expect(page.locator("#access")).to_contain_text("welcome.apps.stead.localhost")
    shoot(page, "deployment")


def _remove_it(page: Page, console: str, shoot: Shoot) -> None:
    page.get_by_role("link", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("all data in it")
    expect(dialog.get_by_role("link", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Remove…").click()
    dialog.get_by_role("button", name="Remove welcome").click()
    page.wait_for_url("**/operations/*")
    expect(page.locator(".outcome.good")).to_be_visible(timeout=PATIENCE)
    shoot(page, "removed")
    page.goto(f"{console}/")
    expect(page.get_by_text("Nothing runs here yet")).to_be_visible()


def test_a_failed_installation_says_so_and_leaves_nothing(
    signed_in: Page, console: str, shoot: Shoot
):
    page = signed_in
    page.goto(f"{console}/catalog/quick")
    page.get_by_label("Name").fill("broken")
    page.get_by_label("Let the installation pass").uncheck()
    expect(page.locator("#command")).to_contain_text("--set install_passes=false")
    page.get_by_role("button", name="Deploy").click()
    heading = page.get_by_role("heading", name="“Install the app” failed")
    expect(heading).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".outcome")).to_contain_text("was taken away again")
    shoot(page, "operation-failed")
    page.get_by_role("link", name="Go to deployments").click()
    expect(page.get_by_text("Nothing runs here yet")).to_be_visible()


@pytest.fixture
def redis(command_line: Stead) -> Iterator[str]:
    """Return the name of a Redis that is live."""
    words = ("deploy", "redis", "--name", "cache", "--set", f"password={PASSWORD}", "--quiet")
    command_line.cli(*words)
    yield "cache"
    command_line.cli("remove", "cache", "--yes")


def test_a_secret_appears_when_asked_for_and_hides_again(
    signed_in: Page, console: str, redis: str, shoot: Shoot
):
    page = signed_in
    page.goto(f"{console}/")
    page.get_by_role("link", name=redis, exact=True).click()
    expect(page.locator("#access")).to_contain_text("cache.apps.stead.localhost:")
    assert PASSWORD not in page.content()
    page.get_by_role("button", name="Show secrets").click()
    expect(page.get_by_text(PASSWORD, exact=True)).to_be_visible()
    shoot(page, "deployment-secrets")
    page.get_by_role("link", name="Hide secrets").click()
    expect(page.get_by_text(PASSWORD, exact=True)).to_have_count(0)


def test_a_link_signs_in_only_once(page: Page, context_two: Page, stead: Stead, console: str):
    link = stead.admin("sign-in-link").strip()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console}/")
    context_two.goto(link)
    expect(context_two.get_by_role("heading")).to_have_text("This link no longer works")
    context_two.goto(f"{console}/")
    assert context_two.url == f"{console}/sign-in"


@pytest.fixture
def context_two(chromium: Browser) -> Iterator[Page]:
    """Return a tab of somebody else's browser."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ["/", "/catalog", "/catalog/redis", "/operations", "/tokens"])
def test_strangers_are_sent_to_sign_in(page: Page, console: str, path: str):
    page.goto(console + path)
    assert page.url == f"{console}/sign-in"


def test_signing_out_leaves_nothing_behind(signed_in: Page, console: str):
    signed_in.get_by_role("button", name="Sign out").click()
    signed_in.wait_for_url(f"{console}/sign-in")
    signed_in.goto(f"{console}/")
    assert signed_in.url == f"{console}/sign-in"
    assert signed_in.context.cookies(console) == []


def test_a_tenants_page_cannot_act_for_the_admin(
    signed_in: Page, chromium: Browser, stead: Stead, console: str, quick: str
):
    """Apps are on the console's site, so the browser does send the cookie with their forms."""
    context = chromium.new_context(storage_state=signed_in.context.storage_state())
    page = context.new_page()
    page.goto(f"https://{quick}.apps.stead.localhost:{stead.https_port}/")
    _cannot_listen(page, console, stead)
    with page.expect_navigation() as navigation:
        page.evaluate(ATTACK, f"{console}/tokens")
    answer = navigation.value
    assert "__Host-stead" in answer.request.all_headers().get("cookie", "")
    assert answer.status == httpx.codes.FORBIDDEN
    context.close()
    signed_in.goto(f"{console}/tokens")
    expect(signed_in.get_by_text("stolen")).to_have_count(0)


def _cannot_listen(page: Page, console: str, stead: Stead) -> None:
    with stead.api() as api:
        operation = api.get("/api/v1/operations").json()[0]["id"]
    paths = [f"/api/v1/operations/{operation}/events", "/api/v1/me", "/operations"]
    # The page may not read the answers, so the browser itself is asked for them.
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    asked: dict[str, str] = {}
    cookies: dict[str, str] = {}
    answers: dict[str, int] = {}
    for event, note in {
        "requestWillBeSent": lambda of: asked.update({of["requestId"]: of["request"]["url"]}),
        "requestWillBeSentExtraInfo": lambda of: cookies.update(
            {of["requestId"]: str(of["headers"])}
        ),
        "responseReceivedExtraInfo": lambda of: answers.update(
            {of["requestId"]: of["statusCode"]}
        ),
    }.items():
        wire.on(f"Network.{event}", note)
    assert page.evaluate(EAVESDROP, [console, paths]) == ["refused", "refused"]
    told = [(url.removeprefix(console), answers[one]) for one, url in asked.items()]
    assert told == [(path, httpx.codes.FORBIDDEN) for path in (*paths, paths[0])]
    assert all("__Host-stead" in cookies[one] for one in asked)


def test_a_stolen_cookie_is_no_use_without_the_consoles_own_origin(
    signed_in: Page, stead: Stead, console: str
):
    signed_in.goto(f"{console}/tokens")
    token = signed_in.locator("input[name=csrf]").first.input_value()
    [cookie] = [c for c in signed_in.context.cookies(console) if c["name"] == "__Host-stead"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    headers = {
        "Cookie": f"__Host-stead={cookie['value']}",
        "Origin": "https://x.apps.stead.localhost",
    }
    with stead.http(headers=headers) as http:
        answer = http.post(f"{console}/tokens", data={"csrf": token, "name": "stolen"})
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_the_theme_is_kept(signed_in: Page, console: str):
    signed_in.get_by_role("button", name="Switch between light and dark").click()
    signed_in.goto(f"{console}/about")
    expect(signed_in.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_catalog_narrows_as_one_types(signed_in: Page, console: str):
    signed_in.goto(f"{console}/catalog")
    signed_in.get_by_placeholder("Search").fill("cache queue")
    expect(signed_in.locator("#apps li:visible")).to_have_count(1)
    signed_in.get_by_placeholder("Search").fill("no such thing")
    expect(signed_in.get_by_text("No app matches")).to_be_visible()


def test_no_page_scrolls_sideways_on_a_small_phone(signed_in: Page, console: str):
    signed_in.set_viewport_size({"width": 360, "height": 740})
    plain = [path for path in pages.private_pages() if "{" not in path]
    assert len(plain) > 10
    too_wide = {}
    for path in [*plain, "/catalog/redis", "/catalog/redis/about"]:
        signed_in.goto(console + path)
        beyond = signed_in.evaluate(BEYOND)
        if beyond:
            too_wide[path] = beyond
    assert too_wide == {}
