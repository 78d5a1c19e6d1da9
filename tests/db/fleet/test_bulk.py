"""Work on many machines with a real worker and agents that speak the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.factories.agents import KEY, Agent
from tests.factories.platform import Platform

from stead.agents import public as agents
from stead.agents.models import AgentRow
from stead.core.authz import Actor, Role
from stead.core.durable import Worker
from stead.fleet.tasks import Fleet

pytestmark = pytest.mark.timeout(60)


@dataclass
class Room:
    """A project with servers whose agents do as they are told."""

    platform: Platform
    http: httpx.AsyncClient
    wire: httpx.AsyncClient
    fails: set[str] = field(default_factory=set)
    began: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    busy: int = 0
    most: int = 0

    async def add(self, name: str) -> Agent:
        made = (await self.http.post("/api/v1/servers", json={"name": name})).json()
        body = {"token": made["token"], "key": KEY, "version": "1"}
        answer = await self.wire.post("/agent/v1/enrol", json=body)
        return Agent(answer.json()["agent"], made["id"], self.wire)

    async def play(self, name: str, agent: Agent) -> None:
        while True:
            answer = await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 1})
            if answer.status_code != 200:
                continue
            job = json.loads(answer.json()["payload"])
            self.began.append(name)
            self.busy += 1
            self.most = max(self.most, self.busy)
            await self.go.wait()
            outcome = "failed" if name in self.fails else "done"
            await agent.report(job, outcome, exit_code=int(outcome == "failed"), reason=outcome)
            self.busy -= 1

    async def start(self, **asked: object) -> dict[str, Any]:
        body = {"task": {"kind": "facts"}, **asked}
        answer = await self.http.post("/api/v1/bulk", json=body)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, bulk_id: str, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                found: dict[str, Any] = (await self.http.get(f"/api/v1/bulk/{bulk_id}")).json()
                if found["state"] in states:
                    return found
                await asyncio.sleep(0.02)


async def until_true(look: Callable[[], bool], what: str) -> None:
    for _ in range(1500):
        if look():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited for {what}")


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


@asynccontextmanager
async def playing(platform: Platform, owner: Actor, names: list[str]) -> AsyncIterator[Room]:
    token = await platform.token(owner)
    async with platform.api(token) as http, platform.agent() as wire:
        room = Room(platform, http, wire)
        agents = {name: await room.add(name) for name in names}
        worker = Worker(platform.database, platform.services.get(Fleet).plans, owner="w")
        tasks = [asyncio.create_task(worker.run(alone=True))]
        tasks += [asyncio.create_task(room.play(name, one)) for name, one in agents.items()]
        yield room
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


NAMES = [f"n{number}" for number in range(6)]


async def test_canaries_go_first_and_no_more_at_once_than_asked(platform: Platform, owner: Actor):
    async with playing(platform, owner, NAMES) as room:
        made = await room.start(machines=NAMES, canaries=1, concurrency=2)
        await until_true(lambda: room.began == ["n0"], "the canary")
        room.go.set()
        found = await room.until(made["id"], "succeeded")
        assert found["counts"]["done"] == 6
        assert sorted(room.began) == NAMES
        assert room.most <= 2
        page = (await room.http.get("/api/v1/jobs?user=Ada&machine=n3")).json()
        assert [(job["what"], job["outcome"]) for job in page] == [("facts", "done")]


async def test_a_canary_that_fails_stops_it_before_the_others_and_retry_goes_on(
    platform: Platform, owner: Actor
):
    async with playing(platform, owner, NAMES) as room:
        room.go.set()
        room.fails = {"n0"}
        made = await room.start(machines=NAMES, canaries=1)
        found = await room.until(made["id"], "failed")
        assert room.began == ["n0"]
        states = [one["state"] for one in found["targets"]]
        assert states == ["failed"] + ["cancelled"] * 5
        room.fails = set()
        again = await room.http.post(f"/api/v1/bulk/{made['id']}/retry")
        assert again.status_code == 202
        found = await room.until(made["id"], "succeeded")
        assert found["counts"]["done"] == 6
        over = await room.http.post(f"/api/v1/bulk/{made['id']}/retry")
        assert over.status_code == 422


async def test_it_stops_above_the_accepted_failures_and_goes_on_below(
    platform: Platform, owner: Actor
):
    async with playing(platform, owner, NAMES) as room:
        room.go.set()
        room.fails = {"n1", "n2", "n3"}
        many = await room.start(machines=NAMES, canaries=1, concurrency=1, accepted_failures=20)
        found = await room.until(many["id"], "failed")
        assert [one["state"] for one in found["targets"]].count("cancelled") == 3
        room.fails = {"n1"}
        few = await room.start(machines=NAMES, canaries=1, accepted_failures=20)
        found = await room.until(few["id"], "succeeded")
        assert (found["counts"]["done"], found["counts"]["failed"]) == (5, 1)


async def test_cancelling_begins_no_more_and_lets_what_runs_end(platform: Platform, owner: Actor):
    async with playing(platform, owner, NAMES) as room:
        made = await room.start(machines=NAMES, canaries=0, concurrency=2)
        await until_true(lambda: len(room.began) == 2, "two to begin")
        path = f"/api/v1/operations/{made['operation_id']}/cancel"
        assert (await room.http.post(path)).status_code < 300
        room.go.set()
        found = await room.until(made["id"], "cancelled")
        assert len(room.began) == 2
        assert (found["counts"]["done"], found["counts"]["cancelled"]) == (2, 4)


async def test_a_worker_that_died_goes_on_where_it_was(platform: Platform, owner: Actor):
    async with playing(platform, owner, NAMES) as room:
        made = await room.start(machines=NAMES, canaries=0, concurrency=2)
        await until_true(lambda: len(room.began) == 2, "two to begin")
    async with platform.api(await platform.token(owner)) as http, platform.agent() as wire:
        rows = (await http.get("/api/v1/agents")).json()
        room = Room(platform, http, wire)
        room.go.set()
        found = await _agents(platform, wire)
        worker = Worker(platform.database, platform.services.get(Fleet).plans, owner="x")
        tasks = [asyncio.create_task(worker.run(alone=True))]
        names = {row["id"]: row["name"] for row in rows}
        tasks += [asyncio.create_task(room.play(names[one.instance_id], one)) for one in found]
        ended = await room.until(made["id"], "succeeded")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        jobs = (await http.get("/api/v1/jobs")).json()
    assert ended["counts"]["done"] == 6
    assert len(jobs) == 6, "nothing was asked for twice"


async def test_an_installation_is_written_down_and_its_secret_is_in_no_parameter(
    platform: Platform, owner: Actor
):
    async with playing(platform, owner, ["n0"]) as room:
        room.go.set()
        asked = {"app": "redis", "inputs": {"password": "hunter2hunter2"}}
        made = await room.start(machines=["n0"], task=None, install=asked)
        found = await room.until(made["id"], "succeeded")
        machine = found["targets"][0]["machine_id"]
        rows = (await room.http.get(f"/api/v1/agents/{machine}/packages")).json()
        operation = await room.http.get(
            f"/api/v1/operations/{found['targets'][0]['operation_id']}"
        )
        assert "hunter2" not in operation.text
    assert [(row["app"], row["state"], row["deployment"]) for row in rows] == [
        ("redis", "installed", False)
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"machines": ["n0"]}, "task"),
        ({"machines": ["nobody"], "task": {"kind": "facts"}}, "machines"),
        ({"machines": ["n0"], "task": {"kind": "shell"}}, "kind"),
        ({"machines": ["n0"], "install": {"app": "redis", "inputs": {"x": 1}}}, "x"),
    ],
)
async def test_what_cannot_be_is_refused_at_once(
    platform: Platform, owner: Actor, body: dict[str, Any], field: str
):
    async with platform.api(await platform.token(owner)) as http:
        await http.post("/api/v1/servers", json={"name": "n0"})
        answer = await http.post("/api/v1/bulk", json=body)
    assert answer.status_code == 422
    assert field in answer.json()["fields"]


async def test_developers_push_no_files_and_run_no_commands_of_maintainers(platform: Platform):
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    developer = await platform.person("Dev", **{project: Role.DEVELOPER})
    async with platform.api(await platform.token(owner)) as http:
        made = (await http.post("/api/v1/servers", json={"name": "n0"})).json()
    path = f"/api/v1/agents/{made['id']}/jobs"
    clean = {"kind": "command", "arguments": {"command": "clean-packages"}}
    push = {"kind": "file", "arguments": {"target": "/etc/motd"}, "content": "eA=="}
    async with platform.api(await platform.token(developer)) as http:
        refused = [(await http.post(path, json=body)).status_code for body in (clean, push)]
        many = await http.post("/api/v1/bulk", json={"machines": ["n0"], "task": push})
        allowed = await http.post(path, json={"kind": "facts"})
    assert (refused, many.status_code, allowed.status_code) == ([403, 403], 403, 202)


async def _agents(platform: Platform, wire: httpx.AsyncClient) -> list[Agent]:
    async with platform.database.read() as uow:
        rows = list(await uow.session.scalars(select(AgentRow)))
    return [Agent(row.id, row.instance_id, wire) for row in rows]


async def test_an_agent_is_outdated_until_it_says_that_it_runs_our_program(
    platform: Platform, owner: Actor
):
    async with playing(platform, owner, []) as room:
        agent = await room.add("nas")
        seen = []
        for program in ("", "0" * 64, agents.program().digest):
            claim = {"wait": 0, "version": "1", "program": program, "load": 0.1}
            assert (await agent.ask("POST", "/agent/v1/jobs/claim", claim)).status_code == 204
            found = (await room.http.get(f"/api/v1/agents/{agent.instance_id}")).json()
            seen.append(found["outdated"])
    assert seen == [True, True, False]


async def test_a_wave_tells_each_agent_the_digest_of_our_program(platform: Platform, owner: Actor):
    async with playing(platform, owner, []) as room:
        agent = await room.add("nas")
        made = await room.start(machines=["nas"], task={"kind": "update"})
        answer = await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 20})
        job = json.loads(answer.json()["payload"])
        assert job["kind"] == "update"
        assert job["arguments"]["sha256"] == agents.program().digest
        assert made["title"].startswith("update the agent to")
        await agent.report(job, "failed", reason="The new program ended before it was there.")
        ended = await room.until(made["id"], "failed")
        assert "The new program ended" in ended["targets"][0]["reason"]


async def test_nobody_chooses_the_program_and_developers_do_not_update(
    platform: Platform, owner: Actor
):
    async with playing(platform, owner, []) as room:
        project = (await room.http.get("/api/v1/projects")).json()[0]["id"]
        developer = await platform.person("Bo", **{project: Role.DEVELOPER})
        agent = await room.add("nas")
        chosen = {"kind": "update", "arguments": {"sha256": "0" * 64, "version": "1"}}
        target = f"/api/v1/agents/{agent.instance_id}/jobs"
        answer = await room.http.post(target, json=chosen)
        assert answer.status_code == 422
        assert set(answer.json()["fields"]) == {"sha256", "version"}
        async with platform.api(await platform.token(developer)) as http:
            assert (await http.post(target, json={"kind": "update"})).status_code == 403
