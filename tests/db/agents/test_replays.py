"""A signed request works once, also for a control plane that was restarted meanwhile."""

import asyncio
import json
import secrets

import httpx
import pytest
from tests.factories.agents import Agent, enrolled
from tests.factories.platform import Platform

from stead.agents import rules
from stead.agents.arrivals import Arrivals
from stead.agents.errors import AgentRefusedError
from stead.agents.models import NonceRow
from stead.agents.service import Arrival
from stead.core.db import DatabaseUnavailableError, Uow
from stead.entrypoints.api import agent_app
from stead.kit import clock


def signed(agent: Agent, *, ago: int = 0, timed: bool = True) -> httpx.Request:
    """Return a claim as an agent signs it, to be sent as often as somebody likes."""
    content = json.dumps({"wait": 0}).encode()
    told = (str(int(clock.utc_now().timestamp()) - ago),) if timed else ()
    sender = (agent.id, secrets.token_hex(16), *told)
    text = rules.request_text(("POST", "/agent/v1/jobs/claim"), sender, content)
    headers = {
        "Stead-Agent": agent.id,
        "Stead-Nonce": sender[1],
        "Stead-Signature": rules.sign(bytes.fromhex(agent.key), rules.REQUEST, text),
        "Content-Type": "application/json",
    } | ({"Stead-Time": told[0]} if told else {})
    return agent.http.build_request(
        "POST", "/agent/v1/jobs/claim", content=content, headers=headers
    )


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


async def test_requests_that_come_at_once_share_transactions(platform: Platform):
    commits: list[None] = []

    async def count(_uow: Uow) -> None:
        commits.append(None)

    platform.database.before_commit.append(count)
    arrivals = Arrivals(platform.database)
    requests = [Arrival("agent", f"{number:032}", "") for number in range(50)]
    await asyncio.gather(*(arrivals.admit(one) for one in requests))
    assert len(commits) < 5
    with pytest.raises(AgentRefusedError):
        await arrivals.admit(requests[7])


async def test_who_gives_up_waiting_takes_nobody_along(platform: Platform):
    arrivals = Arrivals(platform.database)
    first = asyncio.create_task(arrivals.admit(Arrival("agent", "a" * 32, "")))
    second = asyncio.create_task(arrivals.admit(Arrival("agent", "b" * 32, "")))
    await asyncio.sleep(0)
    first.cancel()
    await second


async def test_a_database_that_is_away_is_told_to_all_who_wait(platform: Platform):
    async def fail(_uow: Uow) -> None:
        raise DatabaseUnavailableError("away")

    platform.database.before_commit.append(fail)
    arrivals = Arrivals(platform.database)
    requests = [Arrival("agent", f"{number:032}", "") for number in range(3)]
    found = await asyncio.gather(
        *(arrivals.admit(one) for one in requests), return_exceptions=True
    )
    assert [type(one) for one in found] == [DatabaseUnavailableError] * 3
