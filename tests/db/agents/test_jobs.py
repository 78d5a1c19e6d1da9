"""Jobs over the agents' own listener: handed out, reported, retried, refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update
from tests.factories.agents import Agent, enrolled, request
from tests.factories.durable import events
from tests.factories.platform import Platform

from stead.agents import jobs, public as agents
from stead.agents.models import JobRow
from stead.core import epoch
from stead.kit import clock
from stead.kit.secrets import Secret

HUGE = 10**30


@pytest.fixture
async def agent(platform: Platform) -> AsyncIterator[Agent]:
    async with platform.agent() as http:
        yield await enrolled(platform, http)


@pytest.fixture
async def job_id(platform: Platform, agent: Agent) -> str:
    return await queue(platform, agent)


async def queue(platform: Platform, agent: Agent, digest: str = "0" * 64) -> str:
    async with platform.database.write() as uow:
        await platform.vault.put(uow, "owner", "password", Secret("s3cret"))
        await platform.vault.put(uow, "owner", "other", Secret("hidden"))
        return await agents.ensure_job(uow, request(agent, digest))


async def row(platform: Platform, job_id: str) -> JobRow:
    async with platform.database.read() as uow:
        return await uow.session.get_one(JobRow, job_id)


async def result(platform: Platform, job_id: str) -> agents.JobResult | None:
    async with platform.database.read() as uow:
        return await agents.find_result(uow, job_id)


async def make_due(platform: Platform) -> None:
    async with platform.database.write() as uow:
        await uow.session.execute(update(JobRow).values(not_before=0))


async def test_a_job_is_handed_out_signed_and_without_secrets(agent: Agent, job_id: str):
    job = await agent.claim()
    assert job is not None
    assert (job["job"], job["attempt"], job["agent"]) == (job_id, 1, agent.id)
    assert (job["secrets"], job["inputs"]) == (["password"], {"port": 1})
    assert "s3cret" not in str(job)


async def test_a_job_that_runs_is_not_offered_and_a_lost_one_is(agent: Agent, job_id: str):
    await agent.claim()
    assert await agent.claim(f"{job_id}:1") is None
    again = await agent.claim()
    assert again is not None
    assert again["attempt"] == 2


async def test_a_job_goes_to_no_other_instance(platform: Platform, agent: Agent, job_id: str):
    other = await enrolled(platform, agent.http, "cd" * 32)
    assert await other.claim() is None
    await agent.claim()
    for method, target, body in _calls(job_id, 1):
        assert (await other.ask(method, target, body)).status_code == 409, target


def _calls(job_id: str, attempt: int) -> list[tuple[str, str, object]]:
    path = f"/agent/v1/jobs/{job_id}"
    return [
        ("POST", f"{path}/log", {"attempt": attempt, "lines": []}),
        ("POST", f"{path}/heartbeat", {"attempt": attempt}),
        ("GET", f"{path}/secrets?attempt={attempt}", None),
    ]


async def test_a_replaced_attempt_is_told_so_by_every_call(agent: Agent, job_id: str):
    first = await agent.claim()
    await agent.claim()
    for method, target, body in _calls(job_id, 1):
        assert (await agent.ask(method, target, body)).status_code == 409, target
    assert (await agent.report(first, "done", exit_code=0)).status_code == 409
    for method, target, body in _calls(job_id, 2):
        assert (await agent.ask(method, target, body)).status_code == 200, target


async def test_only_declared_secrets_are_given_while_the_attempt_holds(agent: Agent, job_id: str):
    target = f"/agent/v1/jobs/{job_id}/secrets?attempt=1"
    assert (await agent.ask("GET", target)).status_code == 409
    job = await agent.claim()
    assert (await agent.ask("GET", target)).json() == {"password": "s3cret"}
    await agent.report(job, "done", exit_code=0)
    assert (await agent.ask("GET", target)).status_code == 409


async def test_output_becomes_events_once_and_in_order(
    platform: Platform, agent: Agent, job_id: str
):
    await agent.claim()
    lines = [
        {"seq": n, "stream": "stdout", "at": 0, "text": text}
        for n, text in ((2, "::progress 40 half"), (1, "one"), (3, "::progress 400 x"))
    ]
    target = f"/agent/v1/jobs/{job_id}/log"
    for sent in (lines, lines, [*lines, {**lines[0], "seq": 4, "stream": "stderr"}]):
        answer = await agent.ask("POST", target, {"attempt": 1, "lines": sent})
    assert answer.json() == {"next": 5, "cancel": False}
    told = [(e.kind, e.step, e.data) for e in await events(platform.database, "o" * 26)]
    assert told == [
        ("log", "install", {"stream": "stdout", "text": "one"}),
        ("progress", "install", {"percent": 40, "text": "half"}),
        ("progress", "install", {"percent": 100, "text": "x"}),
        ("log", "install", {"stream": "stderr", "text": "::progress 40 half"}),
    ]


async def test_a_result_is_taken_once_and_its_repetition_is_fine(
    platform: Platform, agent: Agent, job_id: str
):
    job = await agent.claim()
    for _ in range(2):
        assert (await agent.report(job, "done", exit_code=0)).status_code == 200
    assert (await agent.report(job, "failed", exit_code=1)).status_code == 200
    assert await result(platform, job_id) == agents.JobResult("done", 0, "")


async def test_an_installation_that_failed_is_tried_three_times_with_pauses(
    platform: Platform, agent: Agent, job_id: str
):
    pauses = []
    for attempt in (1, 2, 3):
        job = await agent.claim()
        assert job is not None
        assert job["attempt"] == attempt
        for _ in range(2):  # the answer to the first was lost
            report = await agent.report(job, "failed", exit_code=2, reason="no network")
            assert report.status_code == 200
        found = await row(platform, job_id)
        assert found.failures == attempt
        if attempt < 3:
            assert await agent.claim() is None, "not due yet"
            pauses.append(found.not_before - found.lease_until + jobs.LEASE_SECONDS)
            await make_due(platform)
    assert await result(platform, job_id) == agents.JobResult("failed", 2, "no network")
    assert [round(pause) for pause in pauses] == [10, 20]


@pytest.mark.parametrize("code", [1, 3, 127, -9])
async def test_other_failures_are_final(platform: Platform, agent: Agent, job_id: str, code: int):
    await agent.report(await agent.claim(), "failed", exit_code=code)
    assert await result(platform, job_id) == agents.JobResult("failed", code, "")


async def test_an_interrupted_attempt_is_queued_again(agent: Agent, job_id: str):
    await agent.report(await agent.claim(), "interrupted")
    again = await agent.claim()
    assert again is not None
    assert (again["job"], again["attempt"]) == (job_id, 2)


async def test_a_job_that_is_lost_again_and_again_ends(
    platform: Platform, agent: Agent, job_id: str
):
    for _ in range(10):
        assert await agent.claim() is not None
    assert await agent.claim() is None
    found = await result(platform, job_id)
    assert found is not None
    assert (found.outcome, found.succeeded) == ("failed", False)


async def test_a_cancelled_job_is_told_and_ends_as_cancelled(
    platform: Platform, agent: Agent, job_id: str
):
    job = await agent.claim()
    async with platform.database.write() as uow:
        await agents.cancel_job(uow, "op:install")
        await agents.cancel_job(uow, "unknown")
    beat = await agent.ask("POST", f"/agent/v1/jobs/{job_id}/heartbeat", {"attempt": 1})
    assert beat.json() == {"cancel": True}
    await agent.report(job, "failed", exit_code=2)
    found = await result(platform, job_id)
    assert found is not None
    assert found.outcome == "cancelled"


async def test_a_job_cancelled_before_it_started_is_never_handed_out(
    platform: Platform, agent: Agent, job_id: str
):
    async with platform.database.write() as uow:
        await agents.cancel_job(uow, "op:install")
    assert await agent.claim() is None
    found = await result(platform, job_id)
    assert found is not None
    assert found.outcome == "cancelled"


async def test_a_cancelled_job_that_its_agent_lost_has_ended(
    platform: Platform, agent: Agent, job_id: str
):
    await agent.claim()
    async with platform.database.write() as uow:
        await agents.cancel_job(uow, "op:install")
    assert await result(platform, job_id) is None
    assert await agent.claim() is None
    found = await result(platform, job_id)
    assert found is not None
    assert found.outcome == "cancelled"


async def test_asking_for_the_same_job_twice_makes_one(platform: Platform, agent: Agent):
    assert await queue(platform, agent) == await queue(platform, agent)


async def test_the_package_is_given_only_while_a_job_needs_it(platform: Platform, agent: Agent):
    package = platform.deployments.catalog.packages["redis"]
    target = f"/agent/v1/packages/{package.digest}"
    assert (await agent.ask("GET", target)).status_code == 404
    await queue(platform, agent, package.digest)
    assert (await agent.ask("GET", target)).status_code == 404, "not claimed yet"
    job = await agent.claim()
    answer = await agent.ask("GET", target)
    assert (answer.status_code, answer.content) == (200, package.archive)
    other = next(p for p in platform.deployments.catalog.packages.values() if p != package)
    assert (await agent.ask("GET", f"/agent/v1/packages/{other.digest}")).status_code == 404
    await agent.report(job, "done", exit_code=0)
    assert (await agent.ask("GET", target)).status_code == 404


CLAIM: tuple[str, str, Any] = ("POST", "/agent/v1/jobs/claim", {"wait": 0})


@pytest.mark.parametrize(
    "changed",
    [
        {"Stead_Signature": "0" * 64},
        {"Stead_Signature": ""},
        {"Stead_Signature": b"\xe9"},
        {"Stead_Agent": "0" * 26},
        {"Stead_Agent": ""},
        {"Stead_Nonce": "11" * 16},
    ],
)
async def test_a_request_that_was_touched_is_refused(
    agent: Agent, changed: dict[str, str | bytes]
):
    answer = await agent.ask(*CLAIM, **changed)
    assert (answer.status_code, answer.json()["code"]) == (401, "agent.refused")


async def test_the_signature_covers_method_path_query_and_body(agent: Agent, job_id: str):
    await agent.claim()
    signed = await agent.ask("GET", f"/agent/v1/jobs/{job_id}/secrets?attempt=2")
    assert signed.status_code == 409
    headers = dict(signed.request.headers)
    for method, target, body in (
        ("GET", f"/agent/v1/jobs/{job_id}/secrets?attempt=1", b""),
        ("GET", f"/agent/v1/jobs/{job_id}x/secrets?attempt=2", b""),
        ("POST", f"/agent/v1/jobs/{job_id}/heartbeat", b'{"attempt": 1}'),
    ):
        headers.pop("content-length", None)
        answer = await agent.http.request(method, target, content=body, headers=headers)
        assert answer.status_code == 401, target


async def test_a_result_needs_its_own_signature(agent: Agent, job_id: str):
    await agent.claim()
    body = {"payload": "{}", "signature": "0" * 64}
    answer = await agent.ask("POST", f"/agent/v1/jobs/{job_id}/result", body)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("heartbeat", {"attempt": HUGE}),
        ("log", {"attempt": 1, "lines": [{"seq": HUGE, "stream": "stdout", "at": 0, "text": ""}]}),
        ("log", {"attempt": 1, "lines": [{"seq": 1, "stream": "root", "at": 0, "text": ""}]}),
        ("log", {"attempt": 1, "lines": [{"seq": 1, "stream": "stdout", "at": 0, "text": "\0"}]}),
        ("result", {"payload": "nonsense", "signature": "x" * 65}),
    ],
)
async def test_nonsense_from_a_guest_is_refused_and_not_an_error_of_ours(
    agent: Agent, job_id: str, what: str, body: dict[str, object]
):
    await agent.claim()
    answer = await agent.ask("POST", f"/agent/v1/jobs/{job_id}/{what}", body)
    assert answer.status_code in {200, 409, 422}


@pytest.mark.parametrize("more", [{"exit_code": HUGE}, {"reason": "x" * 2001}, {"attempt": HUGE}])
async def test_a_result_that_says_nonsense_is_refused(
    platform: Platform, agent: Agent, more: dict[str, object]
):
    await queue(platform, agent)
    assert (await agent.report(await agent.claim(), "failed", **more)).status_code == 409


async def test_a_poll_that_waited_does_not_take_a_job_from_a_newer_poll(
    platform: Platform, agent: Agent
):
    target = "/agent/v1/jobs/claim"
    polls = [
        asyncio.create_task(agent.ask("POST", target, {"wait": 1.5, "running": []}))
        for _ in range(2)
    ]
    await asyncio.sleep(0.3)
    job_id = await queue(platform, agent)
    answers = await asyncio.gather(*polls)
    assert sorted(answer.status_code for answer in answers) == [200, 204]
    assert (await row(platform, job_id)).attempt == 1


async def test_a_job_says_its_epoch_and_ends_with_it(
    platform: Platform, agent: Agent, job_id: str
):
    held = await agent.claim()
    assert held is not None
    assert held["epoch"] == epoch.FIRST
    waiting = await queue(platform, agent, "1" * 64)
    async with platform.database.write() as uow:
        await epoch.begin(uow, copy="copy", copied_at=clock.utc_now(), after=0)
    assert waiting == job_id, "the same key asks for the same job"
    assert await agent.claim() is None, "a lost job of an earlier epoch is not offered again"
    target = f"/agent/v1/jobs/{job_id}"
    calls = (
        await agent.ask("POST", f"{target}/heartbeat", {"attempt": 1}),
        await agent.ask("GET", f"{target}/secrets?attempt=1"),
        await agent.ask("GET", f"/agent/v1/packages/{'0' * 64}"),
        await agent.report(held, "done"),
    )
    assert [answer.status_code for answer in calls] == [409, 409, 404, 409]
    assert (await row(platform, job_id)).state == "claimed"
