"""The way from the catalog to a deployment and back, by forms."""

import re

import pytest
from sqlalchemy import update
from tests.db.console.conftest import Site
from tests.factories.platform import Platform

from stead.core.durable import OperationRow, State
from stead.core.durable.events import append_event
from stead.core.platform_settings import AnySetting
from stead.deployments.models import DeploymentRow
from stead.deployments.settings import LARGEST_SIZE, REFUSED_APPS
from stead.identity.models import MembershipRow, ProjectRow, UserRow
from stead.kit import clock, ids
from stead.platform import settings as platform_settings

GOOD = {"name": "cache", "size": "small", "key": "web_1"}


async def _deploy(site: Site, app: str = "redis", **fields: str) -> str:
    answer = await site.send(f"/catalog/{app}", {**GOOD, **fields})
    assert answer.status_code == 303, answer.text
    operation_id: str = answer.headers["location"].removeprefix("/operations/")
    return operation_id


async def _end(site: Site, operation_id: str, state: State, **changes: object) -> str:
    """End an operation as the worker would; return the deployment's id."""
    async with site.database.write() as uow:
        row = await uow.session.get_one(OperationRow, operation_id)
        row.state = state
        row.started_at = row.finished_at = clock.utc_now()
        for name, value in changes.items():
            setattr(row, name, value)
        deployment_id = row.subject.removeprefix("deployment:")
        if state is State.SUCCEEDED:
            (await uow.session.get_one(DeploymentRow, deployment_id)).state = "live"
    return deployment_id


async def test_the_catalog_shows_every_app(inside: Site):
    page = (await inside.browser.get("/catalog")).text
    for app in ("postgresql", "redis", "static-site"):
        assert f'href="/catalog/{app}"' in page


async def test_an_icon_can_do_nothing_even_when_opened_by_itself(inside: Site):
    answer = await inside.browser.get("/catalog/redis/icon.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_form_suggests_a_free_name(inside: Site):
    await _deploy(inside, name="redis")
    page = (await inside.browser.get("/catalog/redis")).text
    assert 'value="redis-2"' in page


async def test_a_deployment_starts_and_leads_to_its_operation(inside: Site):
    operation_id = await _deploy(inside)
    page = (await inside.browser.get(f"/operations/{operation_id}")).text
    assert "Deploy Redis as cache" in page
    assert "Reserve name, address and route" in page
    assert "Deploying" in (await inside.browser.get("/")).text


async def test_the_same_form_sent_twice_deploys_once(inside: Site):
    assert await _deploy(inside) == await _deploy(inside)


async def test_a_form_that_was_changed_after_going_back_is_a_new_request(inside: Site):
    first = await _deploy(inside)
    assert await _deploy(inside, name="other") != first


async def test_all_problems_are_shown_at_their_fields_and_answers_are_kept(inside: Site):
    answer = await inside.send(
        "/catalog/redis",
        {**GOOD, "name": "Bad Name", "input.maxmemory_mb": "many", "input.password": "hunter2"},
    )
    assert answer.status_code == 422
    page = answer.text
    assert 'value="Bad Name"' in page
    assert 'value="many"' in page
    for field in ("name", "input.maxmemory_mb", "input.password"):
        assert f'id="f-{field}-problem"' in page
    assert "hunter2" not in page
    assert "Nothing runs here yet" in (await inside.browser.get("/")).text


async def test_a_name_that_is_taken_is_said_at_the_name(inside: Site):
    await _deploy(inside)
    answer = await inside.send("/catalog/redis", {**GOOD, "key": "web_2"})
    assert answer.status_code == 422
    assert "This name is taken" in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "gigantic"},
        {"name": "n" * 41},
        {"input.eviction": "drop table"},
        {"input.nothing": "x"},
        {"input.maxmemory_mb": "9" * 5000},
    ],
)
async def test_forged_answers_are_refused(inside: Site, fields: dict[str, str]):
    answer = await inside.send("/catalog/redis", {**GOOD, **fields})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_what_people_type_never_becomes_markup(inside: Site):
    nasty = '"><script>alert(1)</script>'
    answer = await inside.send("/catalog/redis", {**GOOD, "name": nasty, "input.eviction": nasty})
    assert "<script>alert" not in answer.text
    operation_id = await _deploy(inside, "static-site", **{"input.title": nasty})
    async with inside.database.write() as uow:
        await append_event(uow, operation_id, "log", {"stream": "stdout", "text": nasty})
    for path in (f"/operations/{operation_id}", "/", "/operations"):
        assert "<script>alert" not in (await inside.browser.get(path)).text


async def test_a_secret_is_shown_only_when_asked_for(inside: Site):
    operation_id = await _deploy(inside, **{"input.password": "correct-horse-battery"})
    deployment_id = await _end(inside, operation_id, State.SUCCEEDED)
    page = (await inside.browser.get(f"/deployments/{deployment_id}")).text
    assert "correct-horse-battery" not in page
    revealed = await inside.send(f"/deployments/{deployment_id}/reveal")
    assert "correct-horse-battery" in revealed.text
    assert revealed.headers["cache-control"] == "no-store"
    assert (await inside.browser.get(f"/deployments/{deployment_id}/reveal")).status_code == 405


async def test_the_end_of_an_operation_leads_to_what_it_made(inside: Site):
    operation_id = await _deploy(inside, "static-site", **{"input.title": "Hi"})
    deployment_id = await _end(inside, operation_id, State.SUCCEEDED)
    page = (await inside.browser.get(f"/operations/{operation_id}")).text
    assert "cache is live" in page
    assert 'href="https://cache.apps.stead.localhost/"' in page
    assert f'href="/deployments/{deployment_id}"' in page


async def test_a_failure_says_what_happened_and_what_to_do(inside: Site):
    operation_id = await _deploy(inside)
    error = {"message": "install.sh failed", "hint": "The log has the details"}
    deployment_id = await _end(inside, operation_id, State.FAILED, error=error)
    async with inside.database.write() as uow:
        await uow.session.delete(await uow.session.get_one(DeploymentRow, deployment_id))
    page = (await inside.browser.get(f"/operations/{operation_id}")).text
    for words in ("install.sh failed", "The log has the details", "was taken away again"):
        assert words in page


async def test_a_deployment_whose_operation_broke_down_asks_for_attention(inside: Site):
    operation_id = await _deploy(inside)
    deployment_id = await _end(inside, operation_id, State.UNDO_FAILED)
    for path in ("/", f"/deployments/{deployment_id}"):
        assert "Needs attention" in (await inside.browser.get(path)).text


async def test_a_running_operation_can_be_cancelled_by_its_button(inside: Site):
    operation_id = await _deploy(inside)
    answer = await inside.send(f"/operations/{operation_id}/cancel")
    assert answer.headers["location"] == f"/operations/{operation_id}"
    assert "Cancelling…" in (await inside.browser.get(f"/operations/{operation_id}")).text


async def test_removing_names_what_is_lost_and_leads_to_its_operation(inside: Site):
    deployment_id = await _end(inside, await _deploy(inside), State.SUCCEEDED)
    page = (await inside.browser.get(f"/deployments/{deployment_id}/remove")).text
    for words in ("all data in it", "cache.apps.stead.localhost:20000", "passwords"):
        assert words in page
    answer = await inside.send(f"/deployments/{deployment_id}/remove")
    assert re.fullmatch(r"/operations/\w{26}", answer.headers["location"])
    assert "Removing" in (await inside.browser.get("/")).text


async def test_a_deployment_that_is_still_made_is_not_removed(inside: Site):
    operation_id = await _deploy(inside)
    page = await inside.browser.get("/")
    deployment_id = re.findall(r'href="/deployments/(\w+)"', page.text)[0]
    assert "Remove…" not in (await inside.browser.get(f"/deployments/{deployment_id}")).text
    answer = await inside.send(f"/deployments/{deployment_id}/remove")
    assert (answer.status_code, "still being deployed" in answer.text) == (409, True)
    assert f"/operations/{operation_id}" in page.text


async def test_what_belongs_to_another_project_is_not_there(inside: Site):
    operation_id = await _deploy(inside)
    deployment_id = await _end(inside, operation_id, State.SUCCEEDED)
    await _move_to_another_project(inside)
    assert "Nothing runs here yet" in (await inside.browser.get("/")).text
    for path in (f"/operations/{operation_id}", f"/deployments/{deployment_id}"):
        assert (await inside.browser.get(path)).status_code == 404
    for path in (f"/deployments/{deployment_id}/reveal", f"/operations/{operation_id}/cancel"):
        assert (await inside.send(path)).status_code == 404


async def _move_to_another_project(site: Site) -> None:
    async with site.database.write() as uow:
        other = ProjectRow(id=ids.new_id(), name="other", created_at=clock.utc_now())
        uow.session.add(other)
        await uow.session.flush()
        await uow.session.execute(update(MembershipRow).values(project_id=other.id))
        await uow.session.execute(update(UserRow).values(admin=False))


async def test_an_app_is_described_in_full(inside: Site):
    page = (await inside.browser.get("/catalog/redis/about")).text
    for words in ("What it opens", "Debian 12 or newer", "/var/lib/redis", "Deploy Redis"):
        assert words in page
    assert "<h1>Redis " in page
    assert "Redis on port 6379" in page


async def test_an_app_that_nobody_could_prove_is_never_called_tested(inside: Site):
    page = (await inside.browser.get("/catalog/nextcloud/about")).text
    assert "Not proven: the machine that proves this catalog" in page
    assert "Tested" not in page


async def test_the_catalog_shows_one_category_at_a_time(inside: Site):
    page = (await inside.browser.get("/catalog?category=databases")).text
    assert 'href="/catalog/redis"' in page
    assert 'href="/catalog/nginx"' not in page
    odd = (await inside.browser.get("/catalog?category=%3Cscript%3E")).text
    assert 'href="/catalog/nginx"' in odd


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        (LARGEST_SIZE, "small", "not allowed here"),
        (REFUSED_APPS, ["redis"], "Redis cannot be deployed here"),
    ],
)
async def test_what_an_admin_does_not_allow_is_said_before_anything_is_filled_in(
    inside: Site, platform: Platform, setting: AnySetting, value: object, words: str
):
    before = (await inside.browser.get("/catalog/redis")).text
    assert words not in before
    admin = await platform.admin("root")
    async with inside.database.write() as uow:
        await platform_settings.set_(uow, admin, setting.name, value, 0)
    assert words in (await inside.browser.get("/catalog/redis")).text


async def test_the_size_that_it_has_already_changes_nothing(inside: Site):
    deployment_id = await _end(inside, await _deploy(inside), State.SUCCEEDED)
    form = (await inside.browser.get(f"/deployments/{deployment_id}/resize")).text
    present = {
        name: found[1]
        for name in ("cores", "memory_mb", "disk_gb")
        if (found := re.search(rf'name="{name}" value="(\d+)"', form))
    }
    assert len(present) == 3, form
    answer = await inside.send(f"/deployments/{deployment_id}/resize", present)
    assert answer.headers["location"] == f"/deployments/{deployment_id}"
