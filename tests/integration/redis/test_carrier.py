"""The control plane's own hand in a real Redis: what is carried, for whom, and what survives."""

import asyncio
import gc
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.factories.agents import Agent, enrolled, request
from tests.factories.platform import Platform
from tests.integration.agent.conftest import make_certificate
from tests.support.redis import Client, RedisServer, running_redis

from stead.agents import carrier as carriers, public as agents, rules
from stead.agents.models import JobRow
from stead.agents.redis import connect, door
from stead.core.settings import RedisSettings
from stead.entrypoints.carrying import carry
from stead.kit import clock
from stead.kit.secrets import Secret
from stead_agent import signing
from stead_agent.carried import CarryError, Redis, parse_place
from stead_agent.identity import Identity

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    private, pem = make_certificate()
    (tmp_path / "redis.pem").write_text(private + pem)
    with running_redis(tmp_path / "redis", tmp_path / "redis.pem", pem) as made:
        yield made


@pytest.fixture
async def carrier(
    platform: Platform, redis: RedisServer, tmp_path: Path
) -> AsyncIterator[agents.Carrier]:
    (tmp_path / "ca.pem").write_text(redis.ca)
    settings = RedisSettings(url=redis.url, ca_file=tmp_path / "ca.pem")
    made = agents.carrier(settings, platform.database, platform.vault)
    assert made is not None
    platform.services.add(made)
    task = asyncio.create_task(carry(made, platform.agents))
    yield made
    task.cancel()
    await asyncio.wait({task})


@pytest.fixture
async def agent(platform: Platform, carrier: agents.Carrier) -> AsyncIterator[Agent]:
    assert platform.services.get(agents.Carrier) is carrier
    async with platform.agent() as http:
        made = await enrolled(platform, http)
        await until(lambda: _place(made))
        yield made


async def until(found: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    deadline = clock.monotonic() + seconds
    while not (value := await found()):
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.02)
    return value


async def _place(agent: Agent) -> dict[str, Any] | None:
    answer = await agent.ask("GET", "/agent/v1/transport")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] | None = answer.json().get("redis")
    return found


class Carried:
    """The agent's own half, in a thread for each call."""

    def __init__(self, agent: Agent, place: dict[str, Any], key: str | None = None) -> None:
        known = parse_place(place)
        assert known is not None
        self.agent, self.key = agent, key or agent.key
        self.redis = Redis(Identity("https://x", "", self.key, agent.id, ""), known)

    async def ask(
        self, target: str, body: dict[str, object], seconds: float = 10
    ) -> tuple[int, Any]:
        content = json.dumps(body).encode()
        sender = (self.agent.id, secrets.token_hex(16), str(int(clock.utc_now().timestamp())))
        names = ("Stead-Agent", "Stead-Nonce", "Stead-Time")
        headers = dict(zip(names, sender, strict=True))
        headers["Stead-Signature"] = signing.request_signature(
            self.key, ("POST", target), sender, content
        )
        status, raw = await asyncio.to_thread(
            self.redis.ask, ("POST", target, content), headers, seconds
        )
        return status, json.loads(raw) if raw else None

    async def claim(self, *running: str, wait: float = 0) -> dict[str, Any] | None:
        body: dict[str, object] = {"wait": wait, "running": list(running)}
        status, offer = await self.ask("/agent/v1/jobs/claim", body)
        if status == 204:
            return None
        key = bytes.fromhex(self.key)
        assert rules.is_signed(key, rules.JOB, offer["payload"], offer["signature"])
        found: dict[str, Any] = json.loads(offer["payload"])
        return found


@pytest.fixture
async def carried(agent: Agent) -> AsyncIterator[Carried]:
    made = Carried(agent, await until(lambda: _place(agent)))
    yield made
    made.redis.close()


async def queue(platform: Platform, agent: Agent, key: str = "op:install") -> str:
    async with platform.database.write() as uow:
        await platform.vault.put(uow, "owner", "password", Secret("s3cret"))
        return await agents.ensure_job(uow, request(agent, key=key))


async def result_of(platform: Platform, job_id: str) -> agents.JobResult | None:
    async with platform.database.read() as uow:
        return await agents.find_result(uow, job_id)


def signed_result(agent: Agent, job: dict[str, Any], outcome: str) -> dict[str, object]:
    ticket = {name: job[name] for name in ("agent", "job", "attempt", "nonce")}
    payload = rules.canonical({**ticket, "outcome": outcome, "exit_code": 0})
    signature = rules.sign(bytes.fromhex(agent.key), rules.RESULT, payload)
    return {"payload": payload, "signature": signature}


async def test_a_job_goes_out_and_its_output_and_result_come_back(
    platform: Platform, agent: Agent, carried: Carried
):
    waiting = asyncio.create_task(carried.claim(wait=20))
    await asyncio.sleep(0.1)
    job_id = await queue(platform, agent)
    job = await waiting
    assert job is not None
    assert (job["job"], job["secrets"], "s3cret" in str(job)) == (job_id, ["password"], False)
    target = f"/agent/v1/jobs/{job_id}"
    line = {"seq": 1, "stream": "stdout", "at": 0, "text": "hello"}
    told = await carried.ask(f"{target}/log", {"attempt": 1, "lines": [line]})
    assert told == (200, {"next": 2, "cancel": False})
    assert await carried.ask(f"{target}/heartbeat", {"attempt": 1}) == (200, {"cancel": False})
    status, _ = await carried.ask(f"{target}/result", signed_result(agent, job, "done"))
    assert status == 200
    assert await result_of(platform, job_id) == agents.JobResult("done", 0, "")


async def test_the_secret_never_passes_through_the_redis(
    platform: Platform, agent: Agent, carried: Carried, redis: RedisServer
):
    watching = redis.connect()
    watching.do("MONITOR")
    job_id = await queue(platform, agent)
    assert await carried.claim() is not None
    with pytest.raises(CarryError):
        await carried.ask(f"/agent/v1/jobs/{job_id}/secrets?attempt=1", {}, 1)
    answer = await agent.ask("GET", f"/agent/v1/jobs/{job_id}/secrets?attempt=1")
    assert answer.json() == {"password": "s3cret"}
    redis.do("ECHO", "the end")
    seen = b""
    while b"the end" not in seen:
        seen += watching.socket.recv(65536)
    watching.close()
    assert b"jobs/claim" in seen
    assert b"s3cret" not in seen
    assert agent.key.encode() not in seen


async def test_an_agent_reaches_only_its_own_lists(
    platform: Platform, agent: Agent, carried: Carried, redis: RedisServer
):
    job_id = await queue(platform, agent)
    await carried.claim()
    place = await _place(agent)
    assert place is not None
    word = signing.redis_password(agent.key, agent.id)
    own = await asyncio.to_thread(redis.connect, place["user"], word)
    allowed = [
        ("RPUSH", f"agent:{agent.id}:calls", "{}"),
        ("RPUSH", f"job:{job_id}:updates", "{}"),
        ("PUBLISH", f"job:{job_id}:updates", ""),
    ]
    other = "0" * 26
    refused = [
        ("RPUSH", f"agent:{other}:calls", "{}"),
        ("RPUSH", f"agent:{other}:jobs", "{}"),
        ("BLPOP", f"agent:{other}:jobs", "0.1"),
        ("RPUSH", f"job:{other}:updates", "{}"),
        ("PUBLISH", f"agent:{other}:calls", ""),
        ("PSUBSCRIBE", "*"),
        ("KEYS", "*"),
        ("GET", f"agent:{agent.id}:calls"),
        ("ACL", "USERS"),
        ("CONFIG", "GET", "*"),
        ("EVAL", "return 1", "0"),
        ("FLUSHALL",),
    ]
    for words in allowed:
        assert isinstance(own.do(*words), int), words
    for words in refused:
        assert "NOPERM" in str(own.do(*words)), words
    own.close()
    await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 0})


async def test_what_another_agent_or_nobody_signed_is_not_taken(
    platform: Platform, agent: Agent, carried: Carried, redis: RedisServer
):
    job_id = await queue(platform, agent)
    stranger = Carried(agent, await until(lambda: _place(agent)), "ef" * 32)
    # It got hold of the other's password, but not of its key.
    stranger.redis._do = carried.redis._do  # type: ignore[method-assign]
    stranger.redis._connect = carried.redis._connect  # type: ignore[method-assign]
    with pytest.raises(CarryError, match="not signed"):
        await stranger.ask("/agent/v1/jobs/claim", {"wait": 0})
    async with platform.database.read() as uow:
        assert (await uow.session.get_one(JobRow, job_id)).state == "queued"
    for nonsense in ("", "{}", "[" * 5000, json.dumps({"headers": 5}), "\x00" * 100):
        redis.do("RPUSH", f"agent:{agent.id}:calls", nonsense)
    redis.do("PUBLISH", f"agent:{agent.id}:calls", "")
    job = await carried.claim()
    assert job is not None
    assert job["job"] == job_id


async def test_a_call_is_taken_once_by_either_way(agent: Agent, redis: RedisServer):
    watching = redis.connect()
    name = f"agent:{agent.id}:jobs"
    target, content = "/agent/v1/jobs/claim", json.dumps({"wait": 0}).encode()
    sender = (agent.id, secrets.token_hex(16), str(int(clock.utc_now().timestamp())))
    signature = signing.request_signature(agent.key, ("POST", target), sender, content)
    names = ("Stead-Agent", "Stead-Nonce", "Stead-Time", "Stead-Signature")
    headers = dict(zip(names, (*sender, signature), strict=True))
    call = {"method": "POST", "target": target, "headers": headers, "body": content.decode()}
    statuses = []
    for _ in range(2):
        watching.do("RPUSH", f"agent:{agent.id}:calls", json.dumps(call))
        watching.do("PUBLISH", f"agent:{agent.id}:calls", "")
        statuses.append(await _popped(watching, name, sender[1]))
    watching.close()
    assert statuses == [204, 401]
    headers["Content-Type"] = "application/json"
    again = await agent.http.post(target, content=content, headers=headers)
    assert again.status_code == 401


async def _popped(client: Client, name: str, nonce: str) -> int:
    while True:
        found = await asyncio.to_thread(client.do, "BLPOP", name, "10")
        assert isinstance(found, list)
        told = json.loads(found[1])
        if told["call"] == nonce:
            return int(told["status"])


async def test_a_redis_that_is_killed_in_between_loses_nothing(
    platform: Platform, agent: Agent, carried: Carried, redis: RedisServer
):
    job_id = await queue(platform, agent)
    job = await carried.claim()
    assert job is not None
    redis.kill()
    with pytest.raises(CarryError):
        await carried.ask(f"/agent/v1/jobs/{job_id}/heartbeat", {"attempt": 1})
    # Meanwhile there is HTTPS.
    beat = await agent.ask("POST", f"/agent/v1/jobs/{job_id}/heartbeat", {"attempt": 1})
    assert beat.status_code == 200
    redis.start()
    await until(lambda: _place(agent))
    report = signed_result(agent, job, "done")
    status, _ = await carried.ask(f"/agent/v1/jobs/{job_id}/result", report)
    assert status == 200
    # It holds that job no more, so that the same again has to take the other way.
    with pytest.raises(CarryError, match="NOPERM"):
        await carried.ask(f"/agent/v1/jobs/{job_id}/result", report)
    again = await agent.ask("POST", f"/agent/v1/jobs/{job_id}/result", report)
    assert again.status_code == 200
    async with platform.database.read() as uow:
        row = await uow.session.get_one(JobRow, job_id)
    assert (row.state, row.outcome, row.attempt) == ("ended", "done", 1)


async def test_an_offer_that_a_redis_lost_is_made_again(
    platform: Platform, agent: Agent, carried: Carried
):
    job_id = await queue(platform, agent)
    async with platform.database.write() as uow:
        await uow.session.execute(update(JobRow).values(state="claimed", attempt=1, nonce="x"))
    job = await carried.claim()
    assert job is not None
    assert (job["job"], job["attempt"]) == (job_id, 2)


async def test_a_revoked_agent_is_let_in_no_more(
    platform: Platform, agent: Agent, carried: Carried, redis: RedisServer
):
    place = await _place(agent)
    assert place is not None
    async with platform.database.write() as uow:
        await agents.revoke(uow, platform.vault, agent.instance_id)

    async def gone() -> bool:
        users = await asyncio.to_thread(redis.do, "ACL", "USERS")
        return isinstance(users, list) and place["user"].encode() not in users

    await until(gone)
    with pytest.raises(CarryError):
        await carried.claim()


async def test_a_waiting_claim_ends_when_the_agent_claims_again(
    platform: Platform, agent: Agent, carried: Carried
):
    place = await _place(agent)
    assert place is not None
    older = Carried(agent, place)
    waiting = asyncio.create_task(older.claim(wait=20))
    await asyncio.sleep(0.2)
    # The guest was restarted: nobody waits for that one any more, but nobody says so either.
    older.redis.interrupt()
    with pytest.raises(CarryError):
        await waiting
    newer = asyncio.create_task(carried.claim(wait=20))
    await asyncio.sleep(0.2)
    job_id = await queue(platform, agent)
    job = await newer
    assert job is not None
    assert (job["job"], job["attempt"]) == (job_id, 1)


def test_without_an_address_nothing_is_carried(platform: Platform):
    none = carriers.carrier(RedisSettings(), platform.database, platform.vault)
    assert none is None


async def test_the_way_that_an_agent_takes_is_seen(
    platform: Platform, agent: Agent, carried: Carried
):
    async def way() -> str:
        async with platform.database.read() as uow:
            seen = await agents.list_sightings(uow, [agent.instance_id])
        return seen[agent.instance_id].transport

    assert await way() == "https"
    await carried.claim()
    assert await way() == "redis"
    answer = await agent.ask("POST", "/agent/v1/jobs/claim", {"wait": 0})
    assert answer.headers["Stead-Transport"] == "redis"
    assert await way() == "https"


def test_a_connection_is_closed_whenever_it_is_given_up(redis: RedisServer, tmp_path: Path):
    (tmp_path / "ca.pem").write_text(redis.ca)
    where = door(redis.url, tmp_path / "ca.pem")

    async def listen() -> None:
        connection = await connect(where)
        try:
            async for _ in connection.rings("agent:*:calls"):
                pass
        finally:
            connection.close()

    async def give_up(turns: int) -> None:
        listening = asyncio.create_task(listen())
        for _ in range(turns):
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.wait({listening})

    # The first turns of the loop connect, later ones shake hands and sign in.
    for turns in range(0, 400, 4):
        asyncio.run(give_up(turns))
    gc.collect()


async def test_what_a_redis_lacks_is_said(redis: RedisServer, tmp_path: Path):
    (tmp_path / "ca.pem").write_text(redis.ca)
    settings = RedisSettings(url=redis.url, ca_file=tmp_path / "ca.pem")
    assert [wrong for _, wrong in await agents.check_redis(settings) if wrong] == []
    redis.do("ACL", "SETUSER", "stead", "-lpop", "-psubscribe")
    found = {what for what, wrong in await agents.check_redis(settings) if "NOPERM" in wrong}
    assert found == {"may read what agents ask", "may hear agents ring"}
    (tmp_path / "ca.pem").write_text(make_certificate()[1])
    with pytest.raises(agents.RedisError, match="CERTIFICATE_VERIFY_FAILED"):
        await agents.check_redis(settings)
    (tmp_path / "ca.pem").write_text(redis.ca)
    wrong = settings.model_copy(update={"url": redis.url.replace("battery", "staple")})
    with pytest.raises(agents.RedisError, match="WRONGPASS"):
        await agents.check_redis(wrong)
