"""The fleet as people see it: who has an agent, how it is, and how servers join and go."""

import hashlib
import shlex
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update
from tests.factories.agents import KEY, Agent, request
from tests.factories.platform import Platform

from stead.agents import public as agents
from stead.agents.models import AgentRow
from stead.core.authz import Actor, Role
from stead.deployments import public as deployments
from stead.deployments.public import DeploymentIn
from stead.kit import clock


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


async def api(platform: Platform, actor: Actor) -> httpx.AsyncClient:
    return platform.api(await platform.token(actor))


async def join(http: httpx.AsyncClient, made: dict[str, str]) -> Agent:
    body = {"token": made["token"], "key": KEY, "version": "0.1.0", "facts": {"os": "debian"}}
    answer = await http.post("/agent/v1/enrol", json=body)
    assert answer.status_code == 200, answer.text
    return Agent(answer.json()["agent"], made["id"], http)


async def test_a_server_is_listed_before_it_joins_and_after(platform: Platform, owner: Actor):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        assert [r["health"] for r in (await http.get("/api/v1/agents")).json()] == ["never"]
        agent = await join(wire, made)
        async with platform.database.write() as uow:
            await agents.ensure_job(uow, request(agent))
        assert await agent.claim() is not None
        (row,) = (await http.get("/api/v1/agents")).json()
    assert (row["name"], row["kind"], row["health"]) == ("nas", "server", "online")
    assert (row["version"], row["system"], row["project"]) == ("0.1.0", "debian", "main")
    assert row["running"]["what"] == "install.sh of redis"


async def test_an_agent_that_stopped_calling_is_stale_until_it_calls(
    platform: Platform, owner: Actor
):
    async with await api(platform, owner) as http, platform.agent() as wire:
        agent = await join(wire, (await http.post("/api/v1/servers", json={"name": "nas"})).json())
        async with platform.database.write() as uow:
            long_ago = clock.utc_now() - timedelta(minutes=2)
            await uow.session.execute(update(AgentRow).values(last_seen_at=long_ago))
        path = f"/api/v1/agents/{agent.instance_id}"
        assert (await http.get(path)).json()["health"] == "stale"
        body = {"wait": 0, "version": "0.2.0", "load": 1.5}
        await agent.ask("POST", "/agent/v1/jobs/claim", body)
        row = (await http.get(path)).json()
    assert (row["health"], row["version"], row["load"]) == ("online", "0.2.0", 1.5)


async def test_the_first_call_after_joining_tells_the_load(platform: Platform, owner: Actor):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        agent = await join(wire, made)
        await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 0, "load": 0.25})
        (row,) = (await http.get("/api/v1/agents")).json()
    assert row["load"] == 0.25


async def test_instances_are_listed_too(platform: Platform, owner: Actor):
    async with platform.database.write() as uow:
        asked = DeploymentIn(app="redis", name="cache")
        await deployments.create(uow, owner, platform.deployments, asked)
    async with await api(platform, owner) as http:
        (row,) = (await http.get("/api/v1/agents")).json()
    assert (row["name"], row["kind"], row["health"]) == ("cache", "instance", "never")
    assert row["address"]


async def test_the_command_holds_checksum_and_pin_but_never_the_token(
    platform: Platform, owner: Actor
):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        program = (await wire.get("/agent/v1/stead-agent.pyz")).content
    assert hashlib.sha256(program).hexdigest() == made["checksum"]
    assert len(program) < 200_000
    assert made["token"] not in made["command"]
    assert made["checksum"] in made["command"]
    assert made["pin"] in made["command"]
    assert shlex.split(made["command"])[:3] == ["sudo", "sh", "-c"]


async def test_a_removed_server_is_refused_and_its_name_is_free(platform: Platform, owner: Actor):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        agent = await join(wire, made)
        assert (await http.delete(f"/api/v1/servers/{made['id']}")).status_code == 204
        assert (await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 0})).status_code == 401
        assert (await http.get("/api/v1/agents")).json() == []
        assert (await http.post("/api/v1/servers", json={"name": "nas"})).status_code == 201
        again = await http.post("/api/v1/servers", json={"name": "nas"})
    assert (again.status_code, again.json()["code"]) == (409, "fleet.name_taken")


async def test_a_new_token_replaces_the_one_before(platform: Platform, owner: Actor):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        newer = (await http.post(f"/api/v1/servers/{made['id']}/token")).json()
        body = {"token": made["token"], "key": KEY, "version": "1"}
        assert (await wire.post("/agent/v1/enrol", json=body)).status_code == 401
        assert await join(wire, newer)


async def test_how_many_jobs_run_at_once_is_said_per_machine(platform: Platform, owner: Actor):
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        path = f"/api/v1/agents/{made['id']}"
        early = await http.patch(f"{path}/limits", json={"quick": 4})
        assert (early.status_code, early.json()["code"]) == (409, "fleet.no_agent")
        assert (await http.get(path)).json()["limits"] is None
        await join(wire, made)
        assert (await http.get(path)).json()["limits"] == {"changing": 1, "quick": 2}
        row = (await http.patch(f"{path}/limits", json={"quick": 4})).json()
        assert row["limits"] == {"changing": 1, "quick": 4}
        for wrong in ({"quick": 0}, {"changing": 17}, {"most": 3}):
            assert (await http.patch(f"{path}/limits", json=wrong)).status_code == 422
        assert (await http.get(path)).json()["limits"] == {"changing": 1, "quick": 4}


async def test_only_those_who_administer_say_how_many_jobs_run_at_once(platform: Platform):
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    developer = await platform.person("Dev", **{project: Role.DEVELOPER})
    async with await api(platform, owner) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        await join(wire, made)
    path = f"/api/v1/agents/{made['id']}/limits"
    async with await api(platform, developer) as http:
        assert (await http.patch(path, json={"quick": 4})).status_code == 403
