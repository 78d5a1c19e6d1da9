"""The pages of clusters: every state that they can be in, and what can be done there."""

import pytest
from tests.db.console.conftest import Site
from tests.factories.inventory import Records, make_full, make_records

from stead.infra import clusters
from stead.infra.rules import Standing


@pytest.fixture
async def records(site: Site) -> Records:
    return await make_records(site.database)


@pytest.fixture
async def full(records: Records) -> Records:
    await make_full(records)
    return records


async def test_the_pages_show_every_class_and_take_what_was_changed(inside: Site, full: Records):
    listed = (await inside.browser.get("/clusters")).text
    assert "Answers" in listed
    shown = (await inside.browser.get("/clusters/local")).text
    for words in ("No KVM here", "One at once", "Begin maintenance", "Changed outside 1"):
        assert words in shown
    guests = (await inside.browser.get("/clusters/local/guests")).text
    for words in ("it was left running and is stopped", "it was on n1 and is on n2", "Unknown"):
        assert words in guests
    only = (await inside.browser.get("/clusters/local/guests?class=lost")).text
    assert "gone" in only
    assert "halted" not in only
    answer = await inside.send("/clusters/local/accept", {"guest": "halted"})
    assert answer.status_code == 303
    assert (await full.standings())["halted"] is Standing.KNOWN
    refused = await inside.send("/clusters/local/accept", {"guest": "theirs"})
    assert refused.status_code == 409


async def test_the_pages_of_a_cluster_that_nobody_heard_from(inside: Site):
    assert "Not heard from yet" in (await inside.browser.get("/clusters")).text
    assert "Nobody has looked yet" in (await inside.browser.get("/clusters/local")).text
    assert "Nobody has looked yet" in (await inside.browser.get("/clusters/local/guests")).text
    assert (await inside.browser.get("/clusters/none")).status_code == 404


async def test_a_cluster_that_is_away_says_why_and_since_when_the_rest_is_known(
    inside: Site,
    full: Records,
):
    async with full.database.write() as uow:
        await clusters.note_failure(uow, full.cluster_id, "away", "<b>nothing</b> answers")
    shown = (await inside.browser.get("/clusters/local")).text
    assert "&lt;b&gt;nothing&lt;/b&gt; answers" in shown
    assert "no guest counts as lost meanwhile" in shown
    assert "fine" in (await inside.browser.get("/clusters/local/guests")).text


async def test_an_empty_cluster_says_so(inside: Site, records: Records):
    await records.look()
    assert "No guests" in (await inside.browser.get("/clusters/local/guests")).text
    lost = await inside.browser.get("/clusters/local/guests?class=lost")
    assert "No such guests" in lost.text


async def test_maintenance_is_begun_and_ended_on_the_page(inside: Site, records: Records):
    fields = {"on": "yes", "reason": "x" * 900}
    assert (await inside.send("/clusters/local/maintenance", fields)).status_code == 303
    assert "End the maintenance" in (await inside.browser.get("/clusters/local")).text
    assert len((await records.cluster()).maintenance.reason) == 200
    await inside.send("/clusters/local/maintenance", {"on": "no"})
    assert not (await records.cluster()).maintenance.on
