"""Plays the agents of a simulated cluster, whose guests run nothing.

They speak the agents' own protocol to the agents' own application, so that everything but the
guest is what it is on a real engine. Their output says what they are.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx
from starlette.types import ASGIApp

from stead.agents import public as agents
from stead.core import log
from stead.engines.abilities import Events, Files
from stead.engines.errors import EngineError
from stead.engines.port import EngineDriver
from stead.engines.values import GuestState
from stead.kit import clock
from stead_agent import signing

BOOTSTRAP: Final = "/var/lib/stead-agent/bootstrap.json"
CLAIM_SECONDS: Final = 25
PAUSE_SECONDS: Final = 1.0
_LIMIT: Final = 64 * 1024
logger = log.get(__name__)


class SimulatedEngine(EngineDriver, Files, Events, Protocol):
    """What is needed of a simulated cluster."""


async def play(engine: SimulatedEngine, application: ASGIApp) -> None:
    """Play the agent of every guest that runs, until cancelled."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="https://agents.invalid") as http,
        asyncio.TaskGroup() as group,
    ):
        playing: dict[str, asyncio.Task[None]] = {}
        while True:
            try:
                async with engine.events() as changes:
                    await _look(engine, http, group, playing)
                    async for _ in changes:
                        await _look(engine, http, group, playing)
            except EngineError as error:
                # The simulated cluster has a bad day, as its faults say.
                logger.info("simulation.interrupted", reason=error.message)
                await asyncio.sleep(PAUSE_SECONDS)


async def _look(
    engine: SimulatedEngine,
    http: httpx.AsyncClient,
    group: asyncio.TaskGroup,
    playing: dict[str, asyncio.Task[None]],
) -> None:
    """Begin to play for guests that have started, end it for those that have not."""
    running = {
        guest.name for guest in await engine.inventory() if guest.state is GuestState.RUNNING
    }
    for name in set(playing) - running:
        playing.pop(name).cancel()
    for name in running - set(playing):
        file = await engine.pull_file(name, BOOTSTRAP, limit_bytes=_LIMIT)
        token = json.loads(file.content)["token"]
        playing[name] = group.create_task(live(http, token))


async def live(http: httpx.AsyncClient, token: str) -> None:
    """Be one agent: enrol, then do jobs until the control plane does not know it any more."""
    # The same key after every restart, as a guest would have kept it on its disk.
    key = hashlib.sha256(f"simulated {token}".encode()).hexdigest()
    body = {"token": token, "key": key, "version": "simulated", "facts": {"os": "simulated"}}
    answer = await _enrol(http, body)
    if not answer.is_success:
        logger.info("simulation.refused", status=answer.status_code)
        return
    me = _Agent(http, answer.json()["agent"], key)
    program = agents.program().digest
    claim = {"wait": CLAIM_SECONDS, "version": "simulated", "program": program}
    while not (answer := await me.ask("jobs/claim", claim)).is_client_error:
        if answer.status_code == httpx.codes.OK:
            await me.work(json.loads(answer.json()["payload"]))
        elif answer.is_server_error:
            await asyncio.sleep(PAUSE_SECONDS)


async def _enrol(http: httpx.AsyncClient, body: Mapping[str, object]) -> httpx.Response:
    while True:
        answer = await http.post("/agent/v1/enrol", json=body)
        if not answer.is_server_error:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Agent:
    http: httpx.AsyncClient
    id: str
    key: str

    async def ask(self, call: str, body: Mapping[str, object]) -> httpx.Response:
        target, content = f"/agent/v1/{call}", json.dumps(body).encode()
        sender = (self.id, signing.new_nonce(), str(int(clock.utc_now().timestamp())))
        headers = {
            "Stead-Agent": self.id,
            "Stead-Nonce": sender[1],
            "Stead-Time": sender[2],
            "Stead-Signature": signing.request_signature(
                self.key, ("POST", target), sender, content
            ),
            "Content-Type": "application/json",
        }
        return await self.http.post(target, content=content, headers=headers)

    async def work(self, job: Mapping[str, Any]) -> None:
        """Say what would run, and that it went well."""
        attempt = job["attempt"]
        said = f"Simulated: {_what(job)} did not run"
        line = {"seq": 1, "stream": "agent", "at": 0, "text": said}
        await self.ask(f"jobs/{job['job']}/log", {"attempt": attempt, "lines": [line]})
        ticket = {name: job[name] for name in ("job", "attempt", "nonce")}
        payload = signing.canonical(
            {"agent": self.id, **ticket, "outcome": "done", "exit_code": 0}
        )
        signed = {"payload": payload, "signature": signing.result_signature(self.key, payload)}
        await self.ask(f"jobs/{job['job']}/result", signed)


def _what(job: Mapping[str, Any]) -> str:
    if "kind" in job:
        return f"a job of the kind {job['kind']}"
    package = job["package"]
    return f"{job['script']} of {package['id']} {package['version']}"
