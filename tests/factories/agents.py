"""An agent that speaks the wire, and jobs for it."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import httpx
from tests.factories.platform import Platform

from stead.agents import jobs, rules, service
from stead.kit import clock, ids

KEY = "ab" * 32


@dataclass
class Agent:
    """One enrolled agent. What it asks is signed over the exact bytes that it sends."""

    id: str
    instance_id: str
    http: httpx.AsyncClient
    key: str = KEY

    async def ask(
        self, method: str, target: str, body: object = None, **changed: str
    ) -> httpx.Response:
        """Send a signed request; ``changed`` headers are put in after signing."""
        content = b"" if body is None else json.dumps(body).encode()
        sender = (self.id, secrets.token_hex(16), str(int(clock.utc_now().timestamp())))
        text = rules.request_text((method, target), sender, content)
        headers = {
            "Stead-Agent": self.id,
            "Stead-Nonce": sender[1],
            "Stead-Time": sender[2],
            "Stead-Signature": rules.sign(bytes.fromhex(self.key), rules.REQUEST, text),
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        return await self.http.request(method, target, content=content, headers=headers)

    async def claim(self, *running: str) -> dict[str, Any] | None:
        """Ask for a job; return what it says once its signature proved right."""
        answer = await self.ask(
            "POST", "/agent/v1/jobs/claim", {"wait": 0, "running": list(running)}
        )
        if answer.status_code == 204:
            return None
        assert answer.status_code == 200, answer.text
        signed = answer.json()
        key = bytes.fromhex(self.key)
        assert rules.is_signed(key, rules.JOB, signed["payload"], signed["signature"])
        found: dict[str, Any] = json.loads(signed["payload"])
        return found

    async def report(self, job: dict[str, Any], outcome: str, **more: object) -> httpx.Response:
        """Send a signed result."""
        result = {
            "agent": self.id,
            "job": job["job"],
            "attempt": job["attempt"],
            "nonce": job["nonce"],
            "outcome": outcome,
            **more,
        }
        payload = rules.canonical(result)
        signature = rules.sign(bytes.fromhex(self.key), rules.RESULT, payload)
        return await self.ask(
            "POST",
            f"/agent/v1/jobs/{job['job']}/result",
            {"payload": payload, "signature": signature},
        )


async def enrolled(platform: Platform, http: httpx.AsyncClient, key: str = KEY) -> Agent:
    """Enrol an agent over the wire."""
    instance_id = ids.new_id()
    async with platform.database.write() as uow:
        token = await service.issue_enrolment(uow, instance_id)
    body = {"token": token, "key": key, "version": "1"}
    answer = await http.post("/agent/v1/enrol", json=body)
    assert answer.status_code == 200, answer.text
    return Agent(answer.json()["agent"], instance_id, http, key)


def request(agent: Agent, digest: str = "0" * 64, key: str = "op:install") -> jobs.JobRequest:
    """Return a job for an agent."""
    return jobs.JobRequest(
        key=key,
        instance_id=agent.instance_id,
        operation_id="o" * 26,
        step="install",
        package_id="redis",
        package_version="1",
        package_digest=digest,
        script="install.sh",
        inputs={"port": 1},
        secret_owner="owner",
        secret_names=("password",),
        limit_seconds=60,
    )
