"""Several jobs of one agent at once, over the agents' own listener."""

import asyncio

import pytest
from sqlalchemy import update
from tests.factories.agents import Agent, enrolled, request
from tests.factories.platform import Platform

from stead.agents import jobs, public as agents
from stead.agents.models import JobRow


@pytest.fixture
async def agent(platform: Platform):
    async with platform.agent() as http:
        yield await enrolled(platform, http)


async def install(platform: Platform, agent: Agent, key: str) -> str:
    async with platform.database.write() as uow:
        return await agents.ensure_job(uow, request(agent, key=key))


async def task(platform: Platform, agent: Agent, key: str, kind: str = "facts") -> str:
    async with platform.database.write() as uow:
        asked = jobs.TaskRequest(
            key=key,
            instance_id=agent.instance_id,
            operation_id="o" * 26,
            step=key,
            kind=kind,
            arguments={},
            limit_seconds=60,
        )
        return await agents.ensure_task(uow, asked)


async def allow(platform: Platform, agent: Agent, changing: int, quick: int) -> None:
    async with platform.database.write() as uow:
        await agents.set_limits(uow, agent.instance_id, agents.Limits(changing, quick))


async def test_facts_are_handed_out_while_an_installer_runs_and_a_second_installer_is_not(
    platform: Platform, agent: Agent
):
    first = await install(platform, agent, "a")
    second = await install(platform, agent, "b")
    facts = await task(platform, agent, "c")
    held: list[str] = []
    while (job := await agent.claim(*held)) is not None:
        held.append(f"{job['job']}:{job['attempt']}")
    assert held == [f"{first}:1", f"{facts}:1"]
    await allow(platform, agent, 2, 2)
    job = await agent.claim(*held)
    assert job is not None
    assert (job["job"], job["limits"]) == (second, {"changing": 2, "quick": 2})


async def test_a_claim_that_waits_gets_the_next_installer_when_the_first_has_ended(
    platform: Platform, agent: Agent
):
    await install(platform, agent, "a")
    second = await install(platform, agent, "b")
    job = await agent.claim()
    assert job is not None
    body = {"wait": 20, "running": [f"{job['job']}:1"]}
    waiting = asyncio.create_task(agent.ask("POST", "/agent/v1/jobs/claim", body))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await agent.report(job, "done", exit_code=0)
    answer = await waiting
    assert (answer.status_code, second in answer.json()["payload"]) == (200, True)


async def test_an_installer_that_was_lost_is_given_again_before_the_next(
    platform: Platform, agent: Agent
):
    first = await install(platform, agent, "a")
    await install(platform, agent, "b")
    await agent.claim()
    again = await agent.claim()
    assert again is not None
    assert (again["job"], again["attempt"]) == (first, 2)


async def test_a_lost_job_that_nobody_wants_any_more_ends_and_holds_up_nothing(
    platform: Platform, agent: Agent
):
    first = await install(platform, agent, "a")
    second = await install(platform, agent, "b")
    await agent.claim()
    async with platform.database.write() as uow:
        await agents.cancel_job(uow, "a")
    assert await agent.claim() is None, "it has ended instead"
    async with platform.database.read() as uow:
        found = await agents.find_result(uow, first)
    assert found is not None
    assert found.outcome == "cancelled"
    job = await agent.claim()
    assert job is not None
    assert job["job"] == second


async def test_limits_stay_when_an_agent_enrols_again(platform: Platform, agent: Agent):
    await allow(platform, agent, 3, 5)
    async with platform.database.write() as uow:
        token = await agents.issue_enrolment(uow, agent.instance_id)
    body = {"token": token, "key": "cd" * 32, "version": "1"}
    assert (await agent.http.post("/agent/v1/enrol", json=body)).status_code == 200
    async with platform.database.read() as uow:
        seen = await agents.list_sightings(uow, [agent.instance_id])
    assert seen[agent.instance_id].limits == agents.Limits(3, 5)


async def test_all_jobs_that_run_are_seen(platform: Platform, agent: Agent):
    await install(platform, agent, "a")
    await task(platform, agent, "b")
    async with platform.database.write() as uow:
        await uow.session.execute(update(JobRow).values(state="claimed", attempt=1))
    async with platform.database.read() as uow:
        seen = await agents.list_sightings(uow, [agent.instance_id])
    assert [one.what for one in seen[agent.instance_id].running] == [
        "install.sh of redis",
        "facts",
    ]
