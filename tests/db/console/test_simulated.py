"""On a simulated engine every page and /healthz say so; on a real one none does."""

import httpx
import pytest
from tests.db.console.conftest import Site

from stead.core.settings import EngineSettings, ServerSettings, Settings
from stead.entrypoints.api import control_app

PAGES = ("/", "/catalog", "/operations", "/tokens", "/about", "/no-such-page")


@pytest.fixture
def simulated(site: Site) -> Site:
    """Return the same console with another engine."""
    real = site.services.get(Settings)
    site.services.add(
        Settings(
            server=ServerSettings(data_dir=real.server.data_dir),
            engine=EngineSettings(kind="simulator"),
        )
    )
    site.browser._transport = httpx.ASGITransport(control_app(site.services))
    return site


async def test_every_page_of_a_simulated_engine_says_so(simulated: Site):
    assert "Simulated engine" in (await simulated.browser.get(await simulated.link())).text
    await simulated.sign_in()
    for path in PAGES:
        assert "Simulated engine" in (await simulated.browser.get(path)).text, path


async def test_health_says_so_too(simulated: Site):
    assert (await simulated.browser.get("/healthz")).json()["engine"] == "simulator"


async def test_a_real_engine_has_no_such_banner(inside: Site):
    for path in PAGES:
        assert "imulated" not in (await inside.browser.get(path)).text, path
    assert "engine" not in (await inside.browser.get("/healthz")).json()
