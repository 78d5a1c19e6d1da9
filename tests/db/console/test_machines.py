"""Pages of machines: the jobs of all of them, and how many run at once."""

import re

import pytest
from tests.db.console.conftest import Site

from stead.agents import public as agents
from stead.agents.models import AgentRow
from stead.kit import clock, ids


@pytest.fixture
async def machine(inside: Site) -> str:
    """The id of a server whose agent is there."""
    page = (await inside.send("/servers", {"name": "nas"})).text
    assert "nas" in page
    listed = (await inside.browser.get("/agents")).text
    found = re.search(r'href="/agents/([0-9a-z]{26})"', listed)
    assert found is not None
    now = clock.utc_now()
    async with inside.database.write() as uow:
        uow.session.add(
            AgentRow(
                id=ids.new_id(),
                instance_id=found[1],
                version="1",
                facts={},
                enrolled_at=now,
                last_seen_at=now,
            )
        )
    return found[1]


async def give(site: Site, machine: str, count: int) -> None:
    async with site.database.write() as uow:
        for number in range(count):
            asked = agents.TaskRequest(
                key=f"job {number}",
                instance_id=machine,
                operation_id="o" * 26,
                step="job",
                kind="log",
                arguments={"service": f"unit-{number:02}"},
                limit_seconds=60,
                requested_by="Ada" if number % 2 else "Bob",
            )
            await agents.ensure_task(uow, asked)


async def test_jobs_of_all_machines_are_shown_page_by_page(inside: Site, machine: str):
    assert "No jobs yet" in (await inside.browser.get("/jobs")).text
    await give(inside, machine, 60)
    first = (await inside.browser.get("/jobs?user=Ada")).text
    assert re.findall(r"log (unit-\d+)", first) == [f"unit-{n:02}" for n in range(59, 0, -2)]
    newest = (await inside.browser.get("/jobs?state=open")).text
    older = re.search(r'href="(/jobs\?[^"]+)">Older', newest)
    assert older is not None
    rest = (await inside.browser.get(older[1].replace("&amp;", "&"))).text
    shown = re.findall(r"log (unit-\d+)", newest) + re.findall(r"log (unit-\d+)", rest)
    assert shown == [f"unit-{n:02}" for n in range(59, -1, -1)]
    assert "There is none of these" in (await inside.browser.get("/jobs?state=failed")).text
    assert "unit-59" in (await inside.browser.get("/jobs?machine=nas&before=")).text
    assert "There is none of these" in (await inside.browser.get("/jobs?machine=other")).text


async def test_what_was_asked_for_is_shown_as_text(inside: Site):
    page = (await inside.browser.get("/jobs?user=%22%3E%3Cscript%3E&app=%27")).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


async def test_how_many_jobs_run_at_once_is_changed_on_the_page(inside: Site, machine: str):
    path = f"/agents/{machine}"
    assert "1 that changes it, 2 that look" in (await inside.browser.get(path)).text
    answer = await inside.send(f"{path}/limits", {"changing": "3", "quick": "5"})
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert "3 that change it, 5 that look" in (await inside.browser.get(path)).text
    for wrong in ("0", "17", "many"):
        answer = await inside.send(f"{path}/limits", {"changing": wrong})
        assert (answer.status_code, "from 1 to 16" in answer.text) == (422, True)
    assert "3 that change it, 5 that look" in (await inside.browser.get(path)).text
