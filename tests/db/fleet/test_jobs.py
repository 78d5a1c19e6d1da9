"""Jobs over all machines: by machine, app, state and person, page by page, and only one's own."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import update
from tests.factories.agents import KEY, Agent, request
from tests.factories.platform import Platform

from stead.agents import public as agents
from stead.agents.models import JobRow
from stead.core.authz import Actor, Role


async def api(platform: Platform, actor: Actor) -> httpx.AsyncClient:
    return platform.api(await platform.token(actor))


async def server(http: httpx.AsyncClient, wire: httpx.AsyncClient, name: str) -> Agent:
    made = (await http.post("/api/v1/servers", json={"name": name})).json()
    body = {"token": made["token"], "key": KEY, "version": "1"}
    answer = await wire.post("/agent/v1/enrol", json=body)
    return Agent(answer.json()["agent"], made["id"], wire)


async def queue(platform: Platform, agent: Agent, key: str, app: str, user: str) -> str:
    async with platform.database.write() as uow:
        asked = replace(request(agent, key=key), package_id=app, requested_by=user)
        return await agents.ensure_job(uow, asked)


@pytest.fixture
async def ids(platform: Platform) -> dict[str, str]:
    """Two projects with a server each; ``a…`` are jobs of the first, ``b`` of the second."""
    found = {}
    for project, name in (("main", "a"), ("other", "b")):
        owner = await platform.person(name, **{await platform.project(project): Role.OWNER})
        async with await api(platform, owner) as http, platform.agent() as wire:
            agent = await server(http, wire, f"server-{name}")
        found[f"owner-{name}"] = await platform.token(owner)
        found[name] = await queue(platform, agent, name, "redis", "Ada")
        if name == "a":
            found["a2"] = await queue(platform, agent, "a2", "nginx", "Ada")
            found["a3"] = await queue(platform, agent, "a3", "redis", "Bob")
    async with platform.database.write() as uow:
        ended = {"state": "ended", "outcome": "failed", "reason": "no network"}
        await uow.session.execute(update(JobRow).where(JobRow.key == "a").values(**ended))
    return found


async def listed(http: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await http.get(f"/api/v1/jobs?{query}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


async def test_jobs_are_found_by_what_people_know_of_them(platform: Platform, ids: dict[str, str]):
    async with platform.api(ids["owner-a"]) as http:
        assert await listed(http) == [ids["a3"], ids["a2"], ids["a"]]
        assert await listed(http, "sort=created_at") == [ids["a"], ids["a2"], ids["a3"]]
        assert await listed(http, "app=redis") == [ids["a3"], ids["a"]]
        assert await listed(http, "user=Ada") == [ids["a2"], ids["a"]]
        assert await listed(http, "state=queued&app=redis") == [ids["a3"]]
        assert await listed(http, "outcome=failed") == [ids["a"]]
        assert await listed(http, "machine=server-a&kind=package&user=Bob") == [ids["a3"]]
        assert await listed(http, "machine=server-b") == []
        assert (await http.get("/api/v1/jobs?application=redis")).status_code == 422


async def test_only_jobs_on_machines_of_ones_own_projects_are_listed(
    platform: Platform, ids: dict[str, str]
):
    async with platform.api(ids["owner-b"]) as http:
        assert await listed(http) == [ids["b"]]
        assert await listed(http, "user=Ada") == [ids["b"]]
        assert await listed(http, "machine=server-a") == []


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_pages_follow_each_other_and_new_jobs_move_nothing(
    platform: Platform, ids: dict[str, str], sort: str
):
    found: list[str] = []
    address = f"/api/v1/jobs?limit=1&sort={sort}"
    async with platform.api(ids["owner-a"]) as http:
        while address:
            answer = await http.get(address)
            found += [one["id"] for one in answer.json()]
            link = answer.headers.get("Link", "")
            address = link[1 : link.index(">")] if link else ""
            assert len(found) < 10
    expected = [ids["a"], ids["a2"], ids["a3"]]
    assert found == (expected if sort == "created_at" else expected[::-1])
