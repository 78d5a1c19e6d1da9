"""First contact: one token, one key."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.factories.agents import KEY, enrolled
from tests.factories.platform import Platform

from stead.agents import public as agents, service
from stead.agents.errors import AgentRefusedError
from stead.agents.models import EnrolmentRow
from stead.kit import clock

OTHER = "cd" * 32


async def enrol(platform: Platform, token: str, key: str = KEY, address: str = "") -> str:
    newcomer = service.Newcomer(token, key, "1", {"os": "debian"}, address)
    async with platform.database.write() as uow:
        return await service.enrol(uow, platform.vault, newcomer)


async def token_for(platform: Platform, instance_id: str = "i1") -> str:
    async with platform.database.write() as uow:
        return await agents.issue_enrolment(uow, instance_id)


async def expire(platform: Platform) -> None:
    async with platform.database.write() as uow:
        past = clock.utc_now() - timedelta(seconds=1)
        await uow.session.execute(update(EnrolmentRow).values(expires_at=past))


async def test_asking_again_with_the_same_key_gets_the_same_answer(platform: Platform):
    token = await token_for(platform)
    first = await enrol(platform, token)
    assert await enrol(platform, token) == first
    await expire(platform)
    assert await enrol(platform, token) == first, "its answer may have been lost"


async def test_a_used_token_takes_no_other_key(platform: Platform):
    token = await token_for(platform)
    await enrol(platform, token)
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token, OTHER)


async def test_an_unknown_or_expired_token_is_refused(platform: Platform):
    with pytest.raises(AgentRefusedError):
        await enrol(platform, "ste_unknown")
    token = await token_for(platform)
    await expire(platform)
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token)


async def test_a_newer_token_replaces_the_older(platform: Platform):
    older, newer = await token_for(platform), await token_for(platform)
    with pytest.raises(AgentRefusedError):
        await enrol(platform, older)
    assert await enrol(platform, newer)


async def test_enrolling_anew_replaces_the_agent_and_its_key(platform: Platform):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
        await enrol(platform, await token_for(platform, agent.instance_id), OTHER)
        assert (await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 0})).status_code == 401


async def test_a_revoked_agent_is_refused_with_its_token_and_jobs(platform: Platform):
    token = await token_for(platform)
    await enrol(platform, token)
    async with platform.database.write() as uow:
        await agents.revoke(uow, platform.vault, "i1")
        await agents.revoke(uow, platform.vault, "i1")
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token)
    async with platform.database.read() as uow:
        assert not await agents.is_enrolled(uow, "i1")


async def test_who_waits_for_the_agent_is_woken(platform: Platform):
    bus = platform.database.bus
    before = bus.version(agents.topic("i1"))
    await enrol(platform, await token_for(platform))
    assert bus.version(agents.topic("i1")) != before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "x", "key": "short", "version": "1"},
        {"token": "x" * 201, "key": KEY, "version": "1"},
        {"token": "x", "key": KEY, "version": "1", "facts": {str(n): "" for n in range(41)}},
        {"token": "\ud800", "key": KEY, "version": "1"},
        [],
    ],
)
async def test_nonsense_is_malformed(platform: Platform, body: object):
    async with platform.agent() as http:
        answer = await http.post(
            "/agent/v1/enrol",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
    assert (answer.status_code, answer.json()["code"]) == (422, "request.malformed")


async def kept(platform: Platform) -> str:
    async with platform.database.write() as uow:
        return (await agents.keep_enrolment(uow, platform.vault, "i1")).reveal()


async def expect(platform: Platform, seconds: int, address: str | None = None) -> None:
    async with platform.database.write() as uow:
        await agents.expect(uow, "i1", timedelta(seconds=seconds), address)


async def test_a_token_that_is_kept_stays_the_same_until_it_has_served(platform: Platform):
    token = await kept(platform)
    assert await kept(platform) == token
    await enrol(platform, token)
    async with platform.database.read() as uow:
        assert await platform.vault.all_of(uow, "enrolment:i1") == {}
    assert await kept(platform) != token


async def test_a_token_that_was_revoked_is_not_kept(platform: Platform):
    token = await kept(platform)
    async with platform.database.write() as uow:
        await agents.revoke(uow, platform.vault, "i1")
    assert await kept(platform) != token
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token)


async def test_a_token_is_good_for_as_long_as_its_guest_was_expected(platform: Platform):
    token = await kept(platform)
    await expire(platform)
    await expect(platform, 300)
    await expect(platform, -1)
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token)
    await expect(platform, 300)
    assert await enrol(platform, token)


async def test_where_addresses_are_enforced_a_token_is_good_from_its_own_only(platform: Platform):
    token = await kept(platform)
    await expect(platform, 300, "192.0.2.100")
    with pytest.raises(AgentRefusedError):
        await enrol(platform, token, address="192.0.2.101")
    assert await enrol(platform, token, address="192.0.2.100")
