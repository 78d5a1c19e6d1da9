"""A real browser that trusts only the CA of the Stead under test."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from tests.support import inhabited as inhabitants, unaware
from tests.support.stead import Stead

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox",  # the tests run as root in a throw-away machine
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
)
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Return what drives browsers; there can be one in a process."""
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what starts Chromium so that networks of other tests do not interrupt its pages."""
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    return unaware.write_launcher(tmp_path_factory.mktemp("launcher") / "chromium", CHROMIUM)


@pytest.fixture(scope="session")
def chromium(
    stead: Stead, playwright: Playwright, launcher: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Return a browser with a home of its own, in which the CA is trusted like a user would."""
    certutil = shutil.which("certutil")
    if certutil is None:
        pytest.skip("needs Debian's libnss3-tools")
    home = tmp_path_factory.mktemp("home")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (
        ["-N", "--empty-password"],
        ["-A", "-t", "C,,", "-n", "stead", "-i", str(stead.data / "ca.pem")],
    ):
        subprocess.run([certutil, "-d", f"sql:{store}", *words], check=True)
    browser = playwright.chromium.launch(
        executable_path=launcher,
        args=[*SWITCHES],
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
    )
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Return a fresh profile."""
    one = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield one
    one.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return a tab; scripts that fail or break the page's own policy fail the test."""
    return context.new_page()


@pytest.fixture
def console(stead: Stead) -> str:
    """Return the console's address."""
    return f"https://console.stead.localhost:{stead.https_port}"


@pytest.fixture(scope="session")
def command_line(stead: Stead) -> Stead:
    """Return the Stead with its command line signed in."""
    stead.admin("cli-login")
    return stead


@pytest.fixture
def signed_in(page: Page, stead: Stead, console: str) -> Page:
    """Return a tab in which the admin is signed in."""
    page.goto(stead.admin("sign-in-link").strip())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console}/")
    return page


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Return what the page's scripts complain about, policy violations included."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda message: (
            found.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    return found


@pytest.fixture(scope="session")
def shoot() -> Shoot:
    """Return a function that keeps pictures of a page where STEAD_SCREENSHOTS says."""
    folder = os.environ.get("STEAD_SCREENSHOTS", "")

    def take(page: Page, name: str) -> None:
        if not folder:
            return
        before = page.viewport_size
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                path = Path(folder) / f"{name}-{size}-{scheme}.png"
                page.screenshot(path=path, full_page=True, animations="disabled")
        page.emulate_media(color_scheme="light")
        if before is not None:
            page.set_viewport_size(before)

    return take


@pytest.fixture(scope="session")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stead]:
    """Return a Stead without containers that has something to show on every page."""
    with inhabitants.inhabited(tmp_path_factory.mktemp("inhabited")) as one:
        yield one


@pytest.fixture
def inhabited_console(inhabited: Stead) -> str:
    """Return its console's address."""
    return f"https://console.stead.localhost:{inhabited.https_port}"


@pytest.fixture
def strangers_page(playwright: Playwright, launcher: Path) -> Iterator[Page]:
    """Return a tab of a browser that nobody told about any CA, and that does not mind."""
    browser = playwright.chromium.launch(executable_path=launcher, args=[*SWITCHES])
    # Colours that fade from one theme to the other would be measured half-way.
    context = browser.new_context(ignore_https_errors=True, reduced_motion="reduce")
    yield context.new_page()
    browser.close()


@pytest.fixture
def playwright_page_without_scripts(strangers_page: Page) -> Iterator[Page]:
    """Return a tab of a browser that runs no scripts."""
    browser = strangers_page.context.browser
    assert browser is not None
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    yield context.new_page()
    context.close()
