"""The ways from outside: waits for edges to serve a route, and takes it as a visitor would."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stead.core.db import Database, Uow
from stead.core.durable import StepError
from stead.core.waiting import until
from stead.edge.probe import ProbeResult, probe_http, probe_tcp
from stead.exposure import public as exposure
from stead.kit import clock

EDGE_SECONDS: Final = 30.0
PROBE_SECONDS: Final = 60.0
PROBE_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Outside:
    """Where visitors come in, and whose certificates they trust."""

    address: str
    https_port: int
    ca_file: Path


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where agents call that are on no network of ours, and what proves that it is us."""

    host: str
    port: int
    certificate: str
    pin: str

    @property
    def url(self) -> str:
        """Return the address of the agents' listener."""
        return f"https://{self.host}:{self.port}"

    @property
    def ticket(self) -> str:
        """Return the same in one word, as it travels beside a token."""
        return f"{self.pin}:{self.host}:{self.port}"


async def await_edges(database: Database, version: int, owner: str) -> None:
    """Return once every edge serves an owner's routes. Raises StepError."""

    async def look(uow: Uow) -> tuple[str, ...] | None:
        served = await exposure.find_served(uow, version, owner)
        return served.problems if served is not None else None

    problems = await until(database, exposure.REPORT_TOPIC, look, EDGE_SECONDS)
    if problems is None:
        raise StepError(
            "The edge has not taken over the new routes",
            retryable=True,
            hint="Check that stead edge runs and reaches the control plane",
        )
    if problems:
        raise StepError(f"The edge refused the route: {problems[0]}", retryable=True)


async def until_reached(outside: Outside, route: exposure.Route) -> None:
    """Return once the app answers from outside. Raises StepError."""
    deadline = clock.monotonic() + PROBE_SECONDS
    while True:
        result = await _probe_once(outside, route)
        if result.ok:
            return
        if clock.monotonic() > deadline:
            raise StepError(
                f"The app does not answer at {route.host}: {result.error}",
                hint="The installation ended well, so look at the app's own settings",
            )
        await asyncio.sleep(PROBE_PAUSE_SECONDS)


async def _probe_once(outside: Outside, route: exposure.Route) -> ProbeResult:
    if route.port is not None:
        return await probe_tcp(
            outside.address,
            route.port,
            bytes.fromhex(route.probe_send),
            route.probe_expect or None,
        )
    return await probe_http(
        outside.address, outside.https_port, route.host, outside.ca_file, route.path
    )
