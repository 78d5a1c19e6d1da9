"""Whatever an enrolled guest sends, however well signed, is answered and changes nothing else."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.factories.agents import Agent, enrolled, request
from tests.factories.platform import Platform

from stead.agents import public as agents, rules
from stead.kit.secrets import Secret

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
LINES = st.lists(
    st.fixed_dictionaries(
        {"seq": st.integers(-1, 5) | JSON, "stream": st.sampled_from(["stdout", "agent"]) | JSON},
        optional={"at": JSON, "text": st.text() | JSON},
    ),
    max_size=3,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "attempt": st.integers(-1, 3) | JSON,
        "lines": LINES | JSON,
        "wait": st.just(0) | JSON.filter(lambda v: not isinstance(v, int | float)),
        "running": JSON,
        "payload": JSON,
        "signature": JSON,
        "token": JSON,
        "key": JSON,
        "version": JSON,
        "facts": JSON,
    },
)
CALLS = ["enrol", "jobs/claim", "jobs/{job}/log", "jobs/{job}/heartbeat", "jobs/{job}/result"]
RESULT = st.dictionaries(
    st.sampled_from(["agent", "job", "attempt", "nonce", "outcome", "exit_code", "reason"]),
    JSON | st.sampled_from(["done", "failed"]),
)


async def queued(platform: Platform, agent: Agent) -> dict[str, Any]:
    async with platform.database.write() as uow:
        await platform.vault.put(uow, "owner", "password", Secret("s3cret"))
        await agents.ensure_job(uow, request(agent, key=f"op:{agent.id}"))
    job = await agent.claim()
    assert job is not None
    return job


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.sampled_from(CALLS), body=FIELDS | JSON, result=RESULT)
async def test_any_body_is_answered_without_a_fault(
    platform: Platform, call: str, body: object, result: dict[str, Any]
):
    async with platform.agent() as http:
        agent = await enrolled(platform, http)
        job = await queued(platform, agent)
        if isinstance(body, dict):
            body = {"wait": 0, **body}  # what is well-formed would wait for work
        target = f"/agent/v1/{call.format(job=job['job'])}"
        answer = await agent.ask("POST", target, body)
        assert answer.status_code < 500, answer.text
        merged = {"agent": agent.id, "job": job["job"], "attempt": 1, "nonce": "x"} | result
        payload = rules.canonical(merged)
        signature = rules.sign(bytes.fromhex(agent.key), rules.RESULT, payload)
        answer = await agent.ask(
            "POST",
            f"/agent/v1/jobs/{job['job']}/result",
            {"payload": payload, "signature": signature},
        )
        assert answer.status_code < 500, answer.text
        assert json.loads(answer.text)["code"], "a wrong nonce is no result"


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 50_000, b"\xff", b'{"a": 1e999}', b"null"])
async def test_any_bytes_are_answered_without_a_fault(platform: Platform, raw: bytes):
    async with platform.agent() as http:
        answer = await http.post(
            "/agent/v1/enrol", content=raw, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code in {400, 422}
