"""Changing what is live: inputs and version become what was asked for, or all stays as it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.factories.changing import Site, make_site
from tests.factories.platform import Platform

pytestmark = pytest.mark.timeout(120)
WAYS = {"web": (8080, "published"), "status": (81, "published")}


@pytest.fixture
async def site(platform: Platform, tmp_path: Path) -> AsyncIterator[Site]:
    made = await make_site(platform, tmp_path)
    yield made
    await made.agent.http.aclose()


async def as_before(site: Site, password: str | None) -> None:
    """See that nothing of a change is left."""
    shown = await site.shown()
    assert (shown.state, shown.version, shown.pending) == ("live", "1.0.0", None)
    assert shown.inputs == {"title": "First", "web_port": 8080, "motto": "Old"}
    assert await site.password() == password
    assert await site.disk() == "install.sh 1.0.0 First"
    assert await site.ways() == WAYS
    assert await site.nothing_pending()


async def test_other_inputs_are_installed_and_written_down(site: Site):
    password = await site.password()
    done = await site.change(inputs={"title": "Second", "web_port": 9000})
    assert done.state == "succeeded", done.error
    shown = await site.shown()
    assert (shown.state, shown.version) == ("live", "1.0.0")
    assert shown.inputs == {"title": "Second", "web_port": 9000, "motto": "Old"}
    assert site.ran == [("install.sh", "1.0.0"), ("check.sh", "1.0.0")]
    assert await site.disk() == "install.sh 1.0.0 Second"
    assert await site.ways() == WAYS | {"web": (9000, "published")}
    assert await site.password() == password
    assert await site.nothing_pending()


async def test_another_version_is_upgraded_to_with_its_routes(site: Site):
    password = await site.password()
    done = await site.change(version="2.0.0", inputs={"colour": "red"})
    assert done.state == "succeeded", done.error
    shown = await site.shown()
    assert (shown.state, shown.version, shown.update) == ("live", "2.0.0", None)
    assert shown.inputs == {"title": "First", "web_port": 8080, "colour": "red"}
    assert site.ran == [("upgrade.sh", "2.0.0"), ("check.sh", "2.0.0")]
    assert await site.ways() == {"web": (8080, "published"), "admin": (82, "published")}
    assert await site.password() == password
    assert await site.nothing_pending()


@pytest.mark.parametrize("script", ["upgrade.sh", "check.sh"])
async def test_a_change_that_fails_puts_everything_back(site: Site, script: str):
    password = await site.password()
    site.failing.add((script, "2.0.0"))
    done = await site.change(version="2.0.0", inputs={"title": "Other", "password": "x" * 20})
    assert (done.state, script in str(done.error)) == ("failed", True)
    await as_before(site, password)
