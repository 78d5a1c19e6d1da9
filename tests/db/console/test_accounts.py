"""Accounts, projects and people by browser."""

import html
import re

import httpx
import pyotp
import pytest
from tests.db.console.conftest import ORIGIN, Site

from stead.core.authz import Role
from stead.identity.models import UserRow
from stead.identity.repository import projects
from stead.kit import clock, ids

PASSWORD = "correct horse battery"
NEW = "another horse battery"


async def post(site: Site, path: str, **fields: str) -> httpx.Response:
    """Send a form as somebody who is not signed in."""
    return await site.browser.post(path, data={"csrf": "", **fields}, headers={"Origin": ORIGIN})


async def set_password(site: Site) -> None:
    page = await site.send("/profile/password", {"password": PASSWORD, "repeat": PASSWORD})
    assert "Your password is changed" in page.text


async def sign_out(site: Site) -> None:
    await site.send("/sign-out")
    site.browser.cookies.clear()


def path_in(page: str, pattern: str) -> str:
    found = re.search(pattern, html.unescape(page))
    assert found is not None, page
    return found[0]


async def project_path(site: Site) -> str:
    return path_in((await site.browser.get("/projects")).text, r"/projects/\w{26}")


async def test_a_password_opens_the_console(inside: Site):
    await set_password(inside)
    await sign_out(inside)
    wrong = await post(inside, "/sign-in", name="admin", password="wrong horse battery")
    assert (wrong.status_code, "Name or password is wrong" in wrong.text) == (422, True)
    assert 'value="admin"' in wrong.text
    assert not inside.browser.cookies
    right = await post(inside, "/sign-in", name=" admin ", password=PASSWORD)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert (await inside.browser.get("/")).status_code == 200


async def test_too_many_attempts_are_told_to_wait(site: Site):
    for _ in range(6):
        answer = await post(site, "/sign-in", name="admin", password="wrong horse battery")
    assert (answer.status_code, "Try again in" in answer.text) == (429, True)


async def test_a_second_factor_from_its_picture_to_signing_in(inside: Site):
    await set_password(inside)
    assert (await inside.browser.get("/profile/second-factor/code.svg")).status_code == 404
    await inside.send("/profile/second-factor/begin")
    picture = await inside.browser.get("/profile/second-factor/code.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["content-security-policy"].startswith("sandbox")
    page = (await inside.browser.get("/profile/second-factor")).text
    totp = pyotp.TOTP(path_in(page, r"\b[A-Z2-7]{32}\b"))
    wrong = await inside.send("/profile/second-factor", {"code": "000000", "current": PASSWORD})
    assert (wrong.status_code, "This code is not right" in wrong.text) == (422, True)
    proof = {"code": totp.at(clock.utc_now(), -1), "current": PASSWORD}
    codes = re.findall(
        r"<code>((?:\w{4}-){3}\w{4})</code>",
        (await inside.send("/profile/second-factor", proof)).text,
    )
    assert len(codes) == 10
    await sign_out(inside)
    half = await post(inside, "/sign-in", name="admin", password=PASSWORD)
    assert half.headers["location"] == "/sign-in/code"
    assert (await inside.browser.get("/")).headers["location"] == "/sign-in"
    assert (await post(inside, "/sign-in/code", code="000000")).status_code == 422
    full = await post(inside, "/sign-in/code", code=totp.at(clock.utc_now()))
    assert full.headers["location"] == "/"
    assert (await inside.browser.get("/profile")).status_code == 200


async def test_nobody_is_asked_for_a_code_without_a_password_first(site: Site):
    assert (await site.browser.get("/sign-in/code")).headers["location"] == "/sign-in"
    assert "took too long" in (await post(site, "/sign-in/code", code="123456")).text


async def test_an_invitation_leads_a_stranger_into_the_project(inside: Site):
    path = await project_path(inside)
    page = await inside.send(f"{path}/invitations", {"role": "developer", "days": "7"})
    link = path_in(page.text, r"/invitation/sti_[\w-]+")
    assert link not in (await inside.browser.get(path)).text
    await sign_out(inside)
    assert "admin</strong> invites you" in (await inside.browser.get(link)).text
    fields = {"name": "bob", "password": PASSWORD, "repeat": PASSWORD}
    for wrong in ({"repeat": "x"}, {"name": "admin"}, {"password": "short", "repeat": "short"}):
        refused = await post(inside, f"{link}/join", **(fields | wrong))
        assert refused.status_code in {409, 422}, refused.text
    joined = await post(inside, f"{link}/join", **fields)
    assert joined.headers["location"] == path
    assert "you are developer" in (await inside.browser.get(path)).text
    assert "Invite somebody" not in (await inside.browser.get(path)).text
    assert (await inside.browser.get("/people")).status_code == 403
    assert (await inside.browser.get(link)).status_code == 410


async def test_a_reset_link_sets_a_password_for_somebody(inside: Site):
    made = await inside.send("/people", {"name": "carol"})
    link = path_in(made.text, r"/reset/stl_[\w-]+")
    await sign_out(inside)
    assert (await post(inside, link, password="short", repeat="short")).status_code == 422
    assert (await post(inside, link, password=NEW, repeat=PASSWORD)).status_code == 422
    assert (await post(inside, link, password=NEW, repeat=NEW)).headers["location"] == "/sign-in"
    assert (await inside.browser.get(link)).status_code == 410
    assert (await post(inside, "/sign-in", name="carol", password=NEW)).status_code == 303


async def test_limits_are_set_and_met_in_the_console(inside: Site):
    path = await project_path(inside)
    wrong = await inside.send(f"{path}/limits", {"cores": "many"})
    assert (wrong.status_code, "A whole number" in wrong.text) == (422, True)
    await inside.send(f"{path}/limits", {"instances": "0"})
    assert "0 of 0" in (await inside.browser.get(path)).text
    form = {"name": "cache", "size": "small", "key": "web_1"}
    refused = await inside.send("/catalog/redis", form)
    assert (refused.status_code, "ask a platform admin" in refused.text) == (422, True)
    await inside.send(f"{path}/limits", {"instances": ""})
    assert (await inside.send("/catalog/redis", form)).status_code == 303


def version_in(page: str, action: str) -> str:
    """Return what a form says about the version that it shows."""
    form = page.partition(f'action="{action}"')[2]
    found = re.search(r'name="version" value="(\w+)"', form)
    assert found is not None, page
    return found[1]


@pytest.mark.parametrize(
    ("form", "field", "first", "second"),
    [("name", "name", "the-first", "the-second"), ("limits", "cores", "8", "4")],
)
async def test_a_stale_form_says_what_changed_and_keeps_what_was_typed(
    inside: Site, form: str, field: str, first: str, second: str
):
    path = await project_path(inside)
    action = f"{path}/{form}"
    seen = version_in((await inside.browser.get(path)).text, action)
    await inside.send(action, {field: first, "version": seen})
    stale = await inside.send(action, {field: second, "version": seen})
    assert stale.status_code == 412
    assert f"It is {first} now, you wrote {second}" in stale.text
    assert f'value="{second}"' in stale.text
    assert f'value="{second}"' not in (await inside.browser.get(path)).text
    again = await inside.send(action, {field: second, "version": version_in(stale.text, action)})
    assert again.status_code == 303
    assert f'value="{second}"' in (await inside.browser.get(path)).text


async def test_a_role_that_somebody_else_changed_is_not_overwritten_unseen(inside: Site):
    path = await project_path(inside)
    eve = ids.new_id()
    async with inside.database.write() as uow:
        uow.session.add(UserRow(id=eve, name="Eve", admin=False, created_at=clock.utc_now()))
        await uow.session.flush()
        await projects.set_role(uow, path.rpartition("/")[2], eve, Role.VIEWER)
    action = f"{path}/members/{eve}"
    seen = version_in((await inside.browser.get(path)).text, action)
    await inside.send(action, {"role": "developer", "version": seen})
    stale = await inside.send(action, {"role": "owner", "version": seen})
    assert (stale.status_code, "It is developer now" in stale.text) == (412, True)


async def test_with_several_projects_one_is_chosen(inside: Site):
    assert 'name="project"' not in (await inside.browser.get("/catalog/redis")).text
    await inside.send("/projects", {"name": "second", "organisation": "default"})
    assert 'name="project"' in (await inside.browser.get("/catalog/redis")).text
    form = {"name": "cache", "size": "small", "key": "web_1", "project": "second"}
    assert (await inside.send("/catalog/redis", form)).status_code == 303
    taken = await inside.send("/projects", {"name": "second"})
    assert (taken.status_code, "This name is taken" in taken.text) == (409, True)


async def test_a_project_is_renamed_archived_and_brought_back(inside: Site):
    path = await project_path(inside)
    await inside.send(f"{path}/name", {"name": "renamed"})
    assert "<h1>renamed" in (await inside.browser.get(path)).text
    await inside.send(f"{path}/archive")
    assert "Archived" in (await inside.browser.get(path)).text
    await inside.send(f"{path}/restore")
    assert "Archived" not in (await inside.browser.get(path)).text
    last = await inside.send(f"{path}/leave")
    assert (last.status_code, "last owner" in last.text) == (409, True)


async def test_other_browsers_are_signed_out(inside: Site):
    first = inside.browser.cookies["__Host-stead"]
    inside.browser.cookies.clear()
    await inside.sign_in()
    page = (await inside.browser.get("/sessions")).text
    await inside.send(path_in(page, r"/sessions/\w{26}/end"))
    stolen = {"Cookie": f"__Host-stead={first}"}
    assert (await inside.browser.get("/profile", headers=stolen)).status_code == 303


async def test_a_token_is_made_for_one_project_and_shows_its_use(inside: Site):
    fields = {"name": "ci", "scope": "read", "project": "main", "days": "7"}
    page = (await inside.send("/tokens", fields)).text
    assert "read<span" in page
    token = path_in(page, r"stt_[\w-]{43}")
    assert "Never" in page
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with httpx.AsyncClient(
        transport=inside.browser._transport, base_url=ORIGIN, headers=headers
    ) as program:
        assert (await program.get("/api/v1/projects")).status_code == 200
        assert (await program.post("/api/v1/tokens", json={"name": "x"})).status_code == 403
    assert "Never" not in (await inside.browser.get("/tokens")).text


@pytest.mark.parametrize(
    "fields", [{"scope": "everything"}, {"days": "100000"}, {"days": "x"}, {"name": ""}]
)
async def test_a_token_that_makes_no_sense_is_refused(inside: Site, fields: dict[str, str]):
    answer = await inside.send("/tokens", {"name": "ci", **fields})
    assert answer.status_code == 422
    assert "stt_" not in answer.text


async def test_people_are_shut_out_and_let_in_again(inside: Site):
    made = await inside.send("/people", {"name": "carol"})
    person = path_in(made.text, r"/people/\w{26}(?=/disable)")
    await inside.send(f"{person}/roles", {"auditor": "true"})
    await inside.send(f"{person}/disable")
    page = (await inside.browser.get("/people")).text
    assert "Auditor" in page
    assert "Disabled" in page
    await inside.send(f"{person}/enable")
    assert "Disabled" not in (await inside.browser.get("/people")).text


async def test_what_people_type_never_becomes_markup(inside: Site):
    nasty = '"><script>alert(1)</script>'
    path = await project_path(inside)
    for target, field in (
        ("/people", "name"),
        ("/projects", "name"),
        (f"{path}/invitations", "note"),
        (f"{path}/name", "name"),
        ("/tokens", "name"),
    ):
        answer = await inside.send(target, {field: nasty, "role": "viewer", "days": "7"})
        assert "<script>alert" not in answer.text
    assert "<script>alert" not in (await inside.browser.get(path)).text
