"""The page of organisations: made, renamed by one of two, archived and opened again."""

import re

from tests.db.console.conftest import Site


async def version(site: Site) -> tuple[str, str]:
    page = (await site.browser.get("/organisations")).text
    path = re.search(r'action="(/organisations/[^/"]+)/rename"', page)
    seen = re.search(r'name="version" value="([^"]+)"', page)
    assert path
    assert seen
    return path[1], seen[1].replace("&#34;", '"').replace("&quot;", '"')


async def test_an_organisation_is_made_renamed_and_archived(inside: Site):
    await inside.send("/organisations", {"name": "acme"})
    page = (await inside.browser.get("/organisations")).text
    assert "acme" in page
    path, seen = await version(inside)
    await inside.send(f"{path}/rename", {"new_name": "aaa-first", "version": seen})
    assert "aaa-first" in (await inside.browser.get("/organisations")).text


async def test_of_two_who_rename_the_second_hears_what_the_first_wrote(inside: Site):
    await inside.send("/organisations", {"name": "aaa"})
    path, seen = await version(inside)
    first = await inside.send(f"{path}/rename", {"new_name": "the-first", "version": seen})
    second = await inside.send(f"{path}/rename", {"new_name": "the-second", "version": seen})
    assert first.status_code == 303
    assert second.status_code == 412
    assert "it is called the-first now, you wrote the-second" in second.text
    assert "the-second" not in (await inside.browser.get("/organisations")).text


async def test_one_with_open_projects_stays_open(inside: Site):
    path, _ = await version(inside)
    await inside.send(f"{path}/archive")
    again = await inside.send(f"{path}/restore")
    assert again.status_code == 303
    assert "Open" in (await inside.browser.get("/organisations")).text
