"""Changing what is live when something goes wrong, at whatever moment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.db.deployments.test_changing import WAYS, as_before
from tests.factories.changing import Site, make_site
from tests.factories.databases import rows
from tests.factories.durable import cancel, events
from tests.factories.platform import Platform

from stead.core import durable
from stead.core.durable import run
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.faults import Effect, Fault

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def site(platform: Platform, tmp_path: Path) -> AsyncIterator[Site]:
    made = await make_site(platform, tmp_path)
    yield made
    await made.agent.http.aclose()


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param("started", marks=pytest.mark.release),
        "effected",
        pytest.param("recorded", marks=pytest.mark.release),
    ],
)
async def test_a_worker_that_dies_anywhere_is_followed_by_one_that_ends_it(site: Site, phase: str):
    """The steps come from the plan itself, so that a new one is covered by being there."""
    password, title = await site.password(), "First"
    for step in site.changes.change_plan.steps:
        title += "!"
        body: dict[str, object] = {"inputs": {"title": title}}
        body |= {"version": "2.0.0"} if step.name == "route" else {}
        accepted = (await site.ask(**body)).json()["operation_id"]
        await site.killed_at(step.name, phase, accepted)
        done = await site.finish(accepted)
        assert done.state == "succeeded", (step.name, done.error)
        shown = await site.shown()
        assert (shown.state, shown.inputs["title"]) == ("live", title)
        assert await site.nothing_pending(), step.name
    assert await site.password() == password
    assert (await site.shown()).version == "2.0.0"
    assert await site.ways() == {"web": (8080, "published"), "admin": (82, "published")}


async def test_a_worker_that_dies_while_it_undoes_is_followed_by_one_that_ends_it(site: Site):
    password = await site.password()
    site.failing.add(("check.sh", "2.0.0"))
    for step in ("check", "install", "copy", "policy", "look"):
        accepted = (await site.ask(version="2.0.0")).json()["operation_id"]
        await site.killed_at(step, "undone", accepted)
        assert (await site.finish(accepted)).state == "failed", step
        await as_before(site, password)


async def test_a_change_that_is_cancelled_anywhere_leaves_everything_as_it_was(site: Site):
    password = await site.password()
    for step in site.changes.change_plan.steps:
        body = {"version": "2.0.0", "inputs": {"title": "Other"}}
        accepted = (await site.ask(**body)).json()["operation_id"]
        await site.killed_at(step.name, "effected", accepted)
        await cancel(site.platform.database, accepted)
        assert (await site.finish(accepted)).state == "cancelled", step.name
        await as_before(site, password)


async def test_what_never_began_is_cancelled_without_touching_the_guest(site: Site):
    password = await site.password()
    accepted = (await site.ask(version="2.0.0")).json()["operation_id"]
    before = await site.ways()
    assert before == WAYS | {"admin": (82, "reserved")}
    await cancel(site.platform.database, accepted)
    assert (await site.finish(accepted)).state == "cancelled"
    assert site.ran == []
    await as_before(site, password)


async def test_without_copies_it_is_said_and_the_version_from_before_is_installed_again(
    platform: Platform, tmp_path: Path
):
    site = await make_site(platform, tmp_path, frozenset({Ability.SNAPSHOTS}))
    site.failing.add(("check.sh", "2.0.0"))
    done = await site.change(version="2.0.0", inputs={"title": "Other"})
    assert done.state == "failed"
    assert site.ran == [
        ("upgrade.sh", "2.0.0"), ("check.sh", "2.0.0"), ("install.sh", "1.0.0"),
    ]  # fmt: skip
    assert await site.disk() == "install.sh 1.0.0 First"
    shown = await site.shown()
    assert (shown.state, shown.version, shown.inputs["title"]) == ("live", "1.0.0", "First")
    said = [str(one.data.get("text", "")) for one in await events(platform.database, done.id)]
    assert any("No copy of the disk can be kept" in one for one in said)
    await site.agent.http.aclose()


async def test_a_disk_that_cannot_be_put_back_keeps_its_copy_for_a_person(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "UNDO_ATTEMPTS", 1)
    site.failing.add(("upgrade.sh", "2.0.0"))
    site.faults.add(Fault(Effect.UNREACHABLE, "restore_snapshot"))
    accepted = (await site.ask(version="2.0.0")).json()["operation_id"]
    assert (await site.finish(accepted)).state == "undo_failed"
    shown = await site.shown()
    assert (shown.state, shown.version, len(await site.copies())) == ("changing", "1.0.0", 1)
    refused = await site.ask(inputs={"title": "Other"})
    assert (refused.status_code, refused.json()["code"]) == (409, "deployment.not_in_place")
    async with site.platform.database.write() as uow:
        await durable.undo(uow, accepted)
    assert (await site.finish(accepted)).state == "failed"
    await as_before(site, await site.password())


async def test_the_same_again_is_the_same_operation_and_anything_else_is_refused(site: Site):
    asked = {"version": "2.0.0", "inputs": {"title": "Other", "password": "a" * 20}}
    first = await site.ask(**asked)
    again = await site.ask(**asked)
    assert (again.status_code, again.json()) == (202, first.json())
    for other in ({"inputs": {"title": "Third"}}, asked | {"inputs": {"password": "b" * 20}}):
        refused = await site.ask(**other)
        assert (refused.status_code, refused.json()["code"]) == (409, "deployment.busy")
    removal = await site.ask("DELETE")
    assert (removal.status_code, removal.json()["code"]) == (409, "deployment.busy")
    pending = (await site.shown()).pending
    assert pending is not None
    assert (pending.version, pending.inputs["title"]) == ("2.0.0", "Other")
    assert "password" not in pending.inputs


async def test_secrets_stay_unless_others_are_given(site: Site):
    before = await site.password()
    await site.change(inputs={"title": "Second", "password": ""})
    assert await site.password() == before
    await site.change(inputs={"password": "c" * 20})
    assert await site.password() == "c" * 20
    await site.change(inputs={"password": None})
    assert await site.password() not in {before, "c" * 20, None}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "deployment.invalid"),
        ({"inputs": {"title": "First"}}, 422, "deployment.invalid"),
        ({"version": "1.0.0"}, 422, "deployment.invalid"),
        ({"version": "3.0.0"}, 422, "deployment.invalid"),
        ({"version": "0.9.0"}, 422, "deployment.invalid"),
        ({"inputs": {"nobody": "x"}}, 422, "catalog.inputs_invalid"),
        ({"inputs": {"web_port": 70000}}, 422, "catalog.inputs_invalid"),
        ({"inputs": {"title": "x" * 1_000_000}}, 422, "catalog.inputs_invalid"),
        ({"version": "2.0.0", "inputs": {"motto": "x"}}, 422, "catalog.inputs_invalid"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    site: Site, body: dict[str, object], status: int, code: str
):
    before = await _ours(site)
    answer = await site.ask(**body) if body else await site.ask(inputs={})
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert await _ours(site) == before


async def _ours(site: Site) -> dict[str, object]:
    found = await rows(site.platform.database)
    tables = ("deployment", "deployment_change", "operation", "route", "secret", "reservation")
    return {name: found.get(name) for name in tables}
