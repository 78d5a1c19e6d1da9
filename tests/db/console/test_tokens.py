"""API tokens by browser."""

import re

import pytest
from tests.db.console.conftest import BROWSER, Site

from stead.identity import public as identity


async def test_a_new_token_works_and_is_shown_only_once(inside: Site):
    page = await inside.send("/tokens", {"name": "laptop"})
    token = re.findall(r"stt_[\w-]{43}", page.text)[0]
    inside_of = {**BROWSER, "Accept": "application/json", "Authorization": f"Bearer {token}"}
    inside.browser.cookies.clear()
    assert (await inside.browser.get("/api/v1/me", headers=inside_of)).json()["name"] == "admin"
    await inside.sign_in()
    listed = (await inside.browser.get("/tokens")).text
    assert "laptop" in listed
    assert token not in listed


async def test_a_revoked_token_is_gone(inside: Site):
    page = await inside.send("/tokens", {"name": "laptop"})
    path = re.findall(r'action="(/tokens/\w+/revoke)"', page.text)[0]
    assert (await inside.send(path)).headers["location"] == "/tokens"
    assert "No tokens yet" in (await inside.browser.get("/tokens")).text
    assert (await inside.send(path)).status_code == 404


@pytest.mark.parametrize(
    ("name", "words"), [(" ", "Give it a name"), ("x" * 81, "up to 80 characters")]
)
async def test_a_token_needs_a_fitting_name(inside: Site, name: str, words: str):
    page = await inside.send("/tokens", {"name": name})
    assert (page.status_code, words in page.text) == (422, True)
    assert "No tokens yet" in page.text


async def test_a_suspended_token_can_be_allowed_again(inside: Site):
    await inside.send("/tokens", {"name": "laptop"})
    async with inside.database.write() as uow:
        await identity.suspend_tokens(uow)
    page = (await inside.browser.get("/tokens")).text
    path = re.findall(r'action="(/tokens/\w+/allow)"', page)[0]
    assert "Tokens are suspended" in page
    assert (await inside.send(path)).headers["location"] == "/tokens"
    assert "suspended" not in (await inside.browser.get("/tokens")).text
