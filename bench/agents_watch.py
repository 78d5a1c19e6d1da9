"""Begins jobs at a fixed rate and follows each as a browser does; belongs to ``bench.agents``."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field

from bench.agents_stage import Stage
from bench.wire import Connection

END_SECONDS = 60


@dataclass
class Found:
    """What was seen, in milliseconds."""

    pickup: list[float] = field(default_factory=list)
    line: list[float] = field(default_factory=list)
    idle: dict[str, float] = field(default_factory=dict)
    jobs: int = 0
    lost: int = 0
    # How late the timers of who watches were, 95 of 100.
    late: float = 0.0


class Watch:
    """Asks for jobs and sees when agents and lines come."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._found = Found()
        self._picked: dict[str, float] = {}

    def heard(self, job: str, at: float) -> None:
        """Note that a real agent has a job."""
        self._picked[job] = at

    async def run(self, rate: float, seconds: float, lines: int) -> float:
        """Begin jobs until the time is over and wait for their ends; return how long it took."""
        began, tasks = time.monotonic(), []
        chosen = itertools.cycle(self._stage.order())
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            port = self._stage.ports[number % len(self._stage.ports)]
            tasks.append(asyncio.create_task(self._job(port, next(chosen), lines)))
        _, open_ones = await asyncio.wait(tasks, timeout=END_SECONDS)
        for task in open_ones:
            task.cancel()
        self._found.lost += len(open_ones)
        return time.monotonic() - began

    async def found(self) -> Found:
        """Return what was seen, with the pickups by the moments at which jobs were queued."""
        queued = await self._stage.queued()
        self._found.pickup = [
            (at - queued[job]) * 1000 for job, at in self._picked.items() if job in queued
        ]
        return self._found

    async def _job(self, port: int, machine: tuple[str, bool], lines: int) -> None:
        machine_id, real = machine
        headers = {"Authorization": f"Bearer {self._stage.token}"}
        line = Connection("127.0.0.1", port)
        work: dict[str, object] = {"kind": "facts"}
        if real:
            work = {"app": "ticking", "inputs": {"ticks": lines}}
        target = f"/api/v1/agents/{machine_id}/{'packages' if real else 'jobs'}"
        typed = headers | {"Content-Type": "application/json"}
        status, raw = await line.ask("POST", target, json.dumps(work).encode(), typed)
        self._found.jobs += 1
        if status != 202:
            # A real agent may still be at the job before.
            self._found.jobs -= status == 409
            self._found.lost += status != 409
            return
        operation = json.loads(raw)["operation_id"]
        state = ""
        async for kind, event in line.follow(f"/api/v1/operations/{operation}/events", headers):
            now, data = time.time(), event.get("data") or {}
            if kind == "state":
                state = data.get("state", "")
            if kind == "log":
                self._line(operation, str(data.get("text")), now)
        line.close()
        self._found.lost += state != "succeeded"

    def _line(self, operation: str, text: str, now: float) -> None:
        word, _, at = text.partition(" ")
        if word == "picked":
            self._picked[operation] = float(at)
        elif word == "tick":
            self._found.line.append((now - float(at)) * 1000)
