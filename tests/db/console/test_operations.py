"""The list of operations: older ones, and those that somebody looks for."""

import re

import pytest
from sqlalchemy import select
from tests.db.console.conftest import Site

from stead.core import durable
from stead.core.durable import Plan, Step, StepContext, Submission
from stead.identity.models import ProjectRow
from stead.operations import pages


async def _nothing(_context: StepContext) -> None:
    return None


PLAN = Plan("test.things", 1, (Step("a", "Do a", _nothing),))


@pytest.fixture
async def seven(inside: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a console with seven operations, three to a page."""
    monkeypatch.setattr(pages, "LIST_LENGTH", 3)
    async with inside.database.write() as uow:
        project = (await uow.session.scalars(select(ProjectRow.id))).one()
        for n in range(7):
            title = f"Make thing {n}" if n % 2 else f"Take 100% of {n}"
            await durable.submit(uow, PLAN, Submission(project, f"thing:{n}", title, f"p{n}"))
    return inside


async def _look(site: Site, address: str) -> tuple[list[str], str]:
    """Return the titles on a page, and where the older ones are."""
    page = (await site.browser.get(address)).text
    titles = re.findall(r'class="row-main"[^>]*><strong>([^<]+)', page)
    older = re.search(r'href="([^"]+)">Older', page)
    return titles, older[1].replace("&amp;", "&") if older else ""


async def test_older_ones_are_on_further_pages_until_there_are_none(seven: Site):
    address, seen = "/operations", []
    for _ in range(3):
        titles, address = await _look(seven, address)
        seen.append([title[-1] for title in titles])
    assert seen == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert address == ""


async def test_a_page_of_older_ones_leads_back_and_stands_still(seven: Site):
    _, older = await _look(seven, "/operations?q=e")
    page = (await seven.browser.get(older)).text
    assert 'href="/operations?q=e">Newest' in page
    assert "data-refresh" not in page
    assert "data-refresh" in (await seven.browser.get("/operations")).text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("THING", ["5", "3", "1"]),
        ("100%", ["6", "4", "2"]),
        ("%", ["6", "4", "2"]),
        ("_", []),
        ("p3", ["3"]),
        ("p", []),
        ("test.", ["6", "5", "4"]),
        ("  thing 5 ", ["5"]),
        ("nothing", []),
    ],
)
async def test_words_are_looked_for_in_title_kind_and_person(
    seven: Site, text: str, found: list[str]
):
    page = await seven.browser.get("/operations", params={"q": text})
    titles = re.findall(r'class="row-main"[^>]*><strong>([^<]+)', page.text)
    assert [title[-1] for title in titles] == found


async def test_what_was_looked_for_stays_with_the_states_and_older_pages(seven: Site):
    page = (await seven.browser.get("/operations?q=e&state=open")).text
    assert 'href="/operations?state=failed&amp;q=e"' in page
    assert 'value="e"' in page
    _, older = await _look(seven, "/operations?q=e&state=open")
    assert older.startswith("/operations?state=open&q=e&before=")


async def test_a_search_that_finds_nothing_says_so_and_a_long_one_is_refused(seven: Site):
    assert "There is none of these" in (await seven.browser.get("/operations?q=nothing")).text
    assert (await seven.browser.get(f"/operations?q={'x' * 121}")).status_code in {400, 422}
