"""Every list of the API is paged, sorted and filtered in the one way, and refuses the rest."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.factories.platform import Platform
from tests.support.attack.filling import fill
from tests.support.attack.surface import Target, served, targets
from tests.support.attack.world import World, populate

from stead.core.authz import Role

# Lists whose pages are objects, with what leads on inside.
WRAPPED = {"/api/v1/audit"}
NUMBER = 5


@pytest.fixture
async def world(platform: Platform) -> World:
    return await populate(platform, "main")


@pytest.fixture
async def api(platform: Platform, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody who sees a few of many things."""
    project = world.ids["project_id"]
    root = await platform.admin("Root", **{project: Role.OWNER})
    async with platform.api(await platform.token(root)) as client:
        for number in range(NUMBER):
            await client.post("/api/v1/tokens", json={"name": f"t{number % 2}"})
            await client.post("/api/v1/projects", json={"name": f"p{number}"})
            await client.post("/api/v1/organisations", json={"name": f"o{number}"})
            await client.post("/api/v1/people", json={"name": f"u{number}"})
            path = f"/api/v1/projects/{project}/invitations"
            await client.post(path, json={"role": "viewer"})
            await client.post("/api/v1/deployments", json={"app": "redis", "project": "main"})
        yield client


def lists(platform: Platform) -> list[Target]:
    """Return every route that answers with a list, as the document says."""
    document = served(platform.control).openapi()

    def is_list(target: Target) -> bool:
        answer = document["paths"].get(target.path, {}).get("get", {}).get("responses", {})
        content = answer.get("200", {}).get("content", {}).get("application/json", {})
        schema = content.get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        items = document["components"]["schemas"].get(name, {}).get("properties", {}).get("items")
        return schema.get("type") == "array" or bool(items)

    found = [t for t in targets(platform.control) if t.method == "GET"]
    return [t for t in found if t.path.startswith("/api/v1/") and is_list(t)]


def rows(answer: httpx.Response) -> list[Any]:
    found = answer.json()
    assert answer.status_code == 200, answer.text
    return found if isinstance(found, list) else found["items"]


async def walked(api: httpx.AsyncClient, path: str, **asked: str) -> list[Any]:
    """Return a list as somebody sees it who follows its links."""
    answer = await api.get(path, params=asked)
    found = rows(answer)
    while (link := answer.headers.get("Link")) is not None:
        answer = await api.get(link.partition("<")[2].partition(">")[0])
        found += rows(answer)
        assert len(found) < 1000
    return found


def test_every_list_is_found(platform: Platform):
    found = {target.path for target in lists(platform)}
    assert {"/api/v1/tokens", "/api/v1/deployments", "/api/v1/operations"} <= found
    assert len(found) >= 13


async def test_lists_refuse_what_they_do_not_know(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    wrong = [
        ("limit", "0"),
        ("limit", "100000"),
        ("limit", "x"),
        ("sort", "nonsense"),
        ("sort", "--name"),
        ("sort", ""),
        ("nonsense", "1"),
        ("cursor", "nonsense"),
        ("cursor", "e30"),
        ("cursor", "W1tbXV1d"),
        ("cursor", "x" * 2000),
    ]
    found = []
    for target in lists(platform):
        for name, text in wrong:
            path = fill(target, world.ids, {}).path
            answer = await api.get(path, params={name: text})
            if answer.status_code != 422 or not answer.json().get("fields"):
                found.append((target.path, name, text, answer.status_code, answer.text))
    assert found == []


async def test_pages_together_are_the_list_in_both_directions(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    for target in lists(platform):
        if target.path in WRAPPED:
            continue
        path = fill(target, world.ids, {}).path
        (one, *_) = target.query["sort"].get("enum", [None])
        asked = {"sort": one} if one else {}
        whole = await walked(api, path, **asked)
        assert await walked(api, path, limit="2", **asked) == whole, path


@pytest.mark.parametrize("sort", ["name", "created_at", "expires_at", "last_used_at"])
async def test_sorting_backwards_is_the_same_backwards(api: httpx.AsyncClient, sort: str):
    there = await walked(api, "/api/v1/tokens", sort=sort, limit="2")
    back = await walked(api, "/api/v1/tokens", sort=f"-{sort}", limit="3")
    assert len(there) > NUMBER
    assert there == back[::-1]


async def test_operations_and_guests_go_both_ways(world: World, api: httpx.AsyncClient):
    for path in ("/api/v1/operations", f"/api/v1/clusters/{world.ids['cluster_id']}/guests"):
        name = "created_at" if path.endswith("operations") else "name"
        there = await walked(api, path, sort=name, limit="2")
        assert there == (await walked(api, path, sort=f"-{name}", limit="2"))[::-1]
        assert there


async def test_the_audit_trail_goes_both_ways(api: httpx.AsyncClient):
    first = (await api.get("/api/v1/audit", params={"sort": "at", "limit": "2"})).json()
    after = {"sort": "at", "limit": "2", "cursor": first["next"]}
    second = (await api.get("/api/v1/audit", params=after)).json()
    assert [one["seq"] for one in first["items"] + second["items"]] == [1, 2, 3, 4]


async def test_filters_leave_what_fits(api: httpx.AsyncClient):
    named = await walked(api, "/api/v1/tokens", name="t1", limit="1")
    assert {one["name"] for one in named} == {"t1"}
    assert len(named) == 2
    admins = await walked(api, "/api/v1/people", admin="true")
    assert all(one["admin"] for one in admins)
    assert admins
    assert await walked(api, "/api/v1/people", admin="maybe") == []


async def test_a_cursor_is_of_one_order(api: httpx.AsyncClient):
    answer = await api.get("/api/v1/people", params={"limit": "1", "sort": "name"})
    cursor = answer.headers["Link"].partition("cursor=")[2].partition("&")[0].partition(">")[0]
    wrong = await api.get("/api/v1/people", params={"sort": "created_at", "cursor": cursor})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "request.list")
