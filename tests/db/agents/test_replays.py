"""A signed request works once, also for a control plane that was restarted meanwhile."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.factories.agents import Agent, enrolled, request as job_request
from tests.factories.durable import events
from tests.factories.platform import Platform

from stead.agents import public as agents, rules
from stead.agents.arrivals import Arrivals
from stead.agents.errors import AgentRefusedError
from stead.agents.models import AgentRow, NonceRow
from stead.agents.service import Arrival, Said, remember
from stead.core.db import Uow
from stead.core.db_errors import DatabaseUnavailableError
from stead.entrypoints.api import agent_app
from stead.kit import clock


def signed(
    agent: Agent,
    *,
    ago: int = 0,
    timed: bool = True,
    target: str = "/agent/v1/jobs/claim",
    body: object = None,
) -> httpx.Request:
    """Return a claim, or what else an agent signs, to be sent as often as somebody likes."""
    content = json.dumps({"wait": 0} if body is None else body).encode()
    told = (str(int(clock.utc_now().timestamp()) - ago),) if timed else ()
    sender = (agent.id, secrets.token_hex(16), *told)
    text = rules.request_text(("POST", target), sender, content)
    headers = {
        "Stead-Agent": agent.id,
        "Stead-Nonce": sender[1],
        "Stead-Signature": rules.sign(bytes.fromhex(agent.key), rules.REQUEST, text),
        "Content-Type": "application/json",
    } | ({"Stead-Time": told[0]} if told else {})
    return agent.http.build_request("POST", target, content=content, headers=headers)


@contextmanager
def counted(platform: Platform) -> Iterator[list[None]]:
    """Count the transactions that are written meanwhile."""
    commits: list[None] = []

    async def count(_uow: Uow) -> None:
        commits.append(None)

    platform.database.before_commit.append(count)
    yield commits
    platform.database.before_commit.remove(count)


@pytest.mark.parametrize("timed", [True, False])
async def test_a_request_is_taken_once(platform: Platform, timed: object):
    async with platform.agent() as http:
        request = signed(await enrolled(platform, http), timed=bool(timed))
        assert (await http.send(request)).status_code == 204
        assert (await http.send(request)).status_code == 401


async def test_a_request_is_taken_once_even_after_a_restart(platform: Platform):
    async with platform.agent() as http:
        request = signed(await enrolled(platform, http))
        assert (await http.send(request)).status_code == 204
    fresh = httpx.ASGITransport(agent_app(platform.services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=fresh) as http:
        assert (await http.send(request)).status_code == 401


async def test_a_request_from_another_time_is_refused_and_not_remembered(platform: Platform):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
        for ago in (600, -600):
            request = signed(agent, ago=ago)
            assert (await http.send(request)).status_code == 401
            nonce = request.headers["Stead-Nonce"]
            async with platform.database.read() as uow:
                assert await uow.session.get(NonceRow, (agent.id, nonce)) is None


async def test_the_time_cannot_be_taken_out_or_changed(platform: Platform):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
        without, changed = signed(agent), signed(agent)
        del without.headers["Stead-Time"]
        changed.headers["Stead-Time"] = str(int(changed.headers["Stead-Time"]) + 1)
        assert (await http.send(without)).status_code == 401
        assert (await http.send(changed)).status_code == 401


async def test_of_the_same_request_twice_at_once_one_is_taken(platform: Platform):
    async with platform.agent() as http:
        request = signed(await enrolled(platform, http))
        answers = await asyncio.gather(*(http.send(request) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 401, 401, 401, 401]


async def test_what_is_told_with_a_repeated_request_is_not_noted(platform: Platform):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
    now = clock.utc_now().timestamp()
    first = Arrival(agent.id, "a" * 32, str(int(now)), now, Said("7.1", load=0.5))
    again = replace(first, said=Said("6.0", load=9.0))
    other = Arrival(agent.id, "b" * 32, "", now, Said(program="", transport="redis"))
    for together in ([first, again], [again, other]):
        async with platform.database.note() as uow:
            refusals = await remember(uow, together)
        assert sum(one is None for one in refusals) == 1
    async with platform.database.read() as uow:
        row = await uow.session.get_one(AgentRow, agent.id)
    assert (row.version, row.load, row.transport) == ("7.1", 0.5, "redis")
    assert row.last_seen_at > row.enrolled_at


async def test_requests_that_come_at_once_share_transactions(platform: Platform):
    arrivals = Arrivals(platform.database)
    requests = [Arrival("agent", f"{number:032}", "", 0.0) for number in range(50)]
    with counted(platform) as commits:
        await asyncio.gather(*(arrivals.admit(one) for one in requests))
    assert len(commits) < 5
    with pytest.raises(AgentRefusedError):
        await arrivals.admit(requests[7])


async def test_who_gives_up_waiting_takes_nobody_along(platform: Platform):
    arrivals = Arrivals(platform.database)
    first = asyncio.create_task(arrivals.admit(Arrival("agent", "a" * 32, "", 0.0)))
    second = asyncio.create_task(arrivals.admit(Arrival("agent", "b" * 32, "", 0.0)))
    await asyncio.sleep(0)
    first.cancel()
    await second


async def test_a_database_that_is_away_is_told_to_all_who_wait(platform: Platform):
    async def fail(_uow: Uow) -> None:
        raise DatabaseUnavailableError("away")

    platform.database.before_commit.append(fail)
    arrivals = Arrivals(platform.database)
    requests = [Arrival("agent", f"{number:032}", "", 0.0) for number in range(3)]
    found = await asyncio.gather(
        *(arrivals.admit(one) for one in requests), return_exceptions=True
    )
    assert [type(one) for one in found] == [DatabaseUnavailableError] * 3


async def _with_job(platform: Platform, http: httpx.AsyncClient) -> tuple[Agent, dict[str, Any]]:
    agent = await enrolled(platform, http)
    async with platform.database.write() as uow:
        await agents.ensure_job(uow, job_request(agent))
    job = await agent.claim()
    assert job is not None
    return agent, job


def _reports(job: dict[str, Any]) -> list[tuple[str, dict[str, object]]]:
    line = {"seq": 1, "stream": "stdout", "at": 0, "text": "once"}
    return [
        ("log", {"attempt": job["attempt"], "lines": [line]}),
        ("heartbeat", {"attempt": job["attempt"]}),
    ]


async def test_a_report_is_taken_once_and_in_one_transaction(platform: Platform):
    async with platform.agent() as http:
        agent, job = await _with_job(platform, http)
        for name, body in _reports(job):
            request = signed(agent, target=f"/agent/v1/jobs/{job['job']}/{name}", body=body)
            with counted(platform) as commits:
                assert (await http.send(request)).status_code == 200
            assert len(commits) == 1
            assert (await http.send(request)).status_code == 401


async def test_a_report_that_is_refused_has_done_nothing_and_is_not_remembered(platform: Platform):
    async with platform.agent() as http:
        agent, job = await _with_job(platform, http)
        for name, body in _reports(job | {"attempt": 2}):
            request = signed(agent, target=f"/agent/v1/jobs/{job['job']}/{name}", body=body)
            assert (await http.send(request)).status_code == 409
            nonce = request.headers["Stead-Nonce"]
            async with platform.database.read() as uow:
                assert await uow.session.get(NonceRow, (agent.id, nonce)) is None
    assert await events(platform.database, job_request(agent).operation_id) == []


async def test_lines_that_come_several_times_at_once_are_kept_once(platform: Platform):
    async with platform.agent() as http:
        agent, job = await _with_job(platform, http)
        name, body = _reports(job)[0]
        target = f"/agent/v1/jobs/{job['job']}/{name}"
        answers = await asyncio.gather(
            *(http.send(signed(agent, target=target, body=body)) for _ in range(5))
        )
    assert [one.status_code for one in answers] == [200] * 5
    assert len(await events(platform.database, job_request(agent).operation_id)) == 1
