"""Plays many agents over TLS in a process of its own; ``bench.agents`` starts it.

Reads one JSON object from standard input, says ``ready`` once every agent waits for work, and
ends with its standard input.
"""

import asyncio
import contextlib
import json
import ssl
import sys
import time
from dataclasses import dataclass
from typing import Any

from bench.wire import Connection, Signer
from stead_agent import signing

CLAIM_SECONDS = 25
TICK_SECONDS = 0.2
AWAY_SECONDS = 1.0
# The handshakes of so many at once; real agents do not all start in the same moment either.
JOINING = 20


@dataclass
class Place:
    """Where one control plane process listens, and what proves that it is the one."""

    port: int
    tls: ssl.SSLContext

    def connect(self) -> Connection:
        """Return a connection of its own."""
        return Connection("127.0.0.1", self.port, self.tls)


class Crowd:
    """All agents of this process."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._joining = asyncio.Semaphore(JOINING)
        self.joined = asyncio.Semaphore(0)

    async def live(self, place: Place, token: str) -> None:
        """Enrol, then claim and do jobs until cancelled."""
        key = signing.new_key()
        line = place.connect()
        body = {"token": token, "key": key, "version": "bench", "facts": {"os": "bench"}}
        async with self._joining:
            status, raw = await line.ask(
                "POST",
                "/agent/v1/enrol",
                json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )
        if status != 200:
            raise RuntimeError(f"an enrolment was answered with HTTP {status}: {raw.decode()}")
        me = Signer(json.loads(raw)["agent"], key)
        self.joined.release()
        while True:
            # A server that is overrun says so, and is asked again as agents do.
            if status == 503:
                await asyncio.sleep(AWAY_SECONDS)
            body = {"wait": CLAIM_SECONDS, "running": [], "version": "bench", "load": 0.1}
            status, raw = await me.ask(line, "POST", "/agent/v1/jobs/claim", body)
            if status == 200:
                picked = time.time()
                await self._work(place, line, me, json.loads(raw)["payload"], picked)
            elif status not in (204, 503):
                raise RuntimeError(f"a claim was answered with HTTP {status}: {raw.decode()}")

    async def _work(
        self, place: Place, line: Connection, me: Signer, payload: str, picked: float
    ) -> None:
        """Say when the job came, then one line after the other, then that all went well."""
        job = json.loads(payload)
        target = f"/agent/v1/jobs/{job['job']}"
        reports = place.connect()
        for number in range(1, self._lines + 1):
            text = f"picked {picked:.6f}" if number == 1 else f"tick {time.time():.6f}"
            said = {"seq": number, "stream": "stdout", "at": time.time(), "text": text}
            body: dict[str, object] = {"attempt": job["attempt"], "lines": [said]}
            await _tell(me, reports, f"{target}/log", body)
            await asyncio.sleep(TICK_SECONDS)
        reports.close()
        ticket = {name: job[name] for name in ("agent", "job", "attempt", "nonce")}
        result = signing.canonical({**ticket, "outcome": "done", "exit_code": 0, "reason": ""})
        signed: dict[str, object] = {
            "payload": result,
            "signature": signing.result_signature(me.key, result),
        }
        await _tell(me, line, f"{target}/result", signed)


async def _tell(me: Signer, line: Connection, target: str, body: dict[str, object]) -> None:
    """Say something until it is taken, as agents do when the server is overrun."""
    status, raw = await me.ask(line, "POST", target, body)
    while status == 503:
        await asyncio.sleep(AWAY_SECONDS)
        status, raw = await me.ask(line, "POST", target, body)
    if status != 200:
        raise RuntimeError(f"{target} was answered with HTTP {status}: {raw.decode()}")


async def _play(asked: dict[str, Any]) -> None:
    crowd = Crowd(asked["lines"])
    places = [Place(one["port"], _trust(one["ca"])) for one in asked["places"]]
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.readline)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(crowd.live(places[number % len(places)], token))
            for number, token in enumerate(asked["tokens"])
        ]
        for _ in tasks:
            await crowd.joined.acquire()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await ended
        for task in tasks:
            task.cancel()


def _trust(ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca)
    return context


def play() -> None:
    """Play until standard input ends."""
    asked = json.loads(sys.stdin.readline())
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_play(asked))


if __name__ == "__main__":
    play()
