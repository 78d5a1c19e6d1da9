"""A connected cluster, and short words for waiting until it is shown in some way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tests.factories.platform import Platform
from tests.proxmox.double import Double

from stead.core.durable import Worker
from stead.infra.company import Company
from stead.infra.connecting import Connecting
from stead.infra.fleet import Fleet
from stead.infra.watchers import Pace

BASE = "/api/v1/clusters"
QUICK = Pace(
    look=0.2,
    describe=0.2,
    first_retry=0.1,
    last_retry=0.2,
    survey=0.2,
    survey_again=0.1,
    survey_rest=0,
)
# A busy machine may need a while; nobody waits longer than it takes.
PATIENCE = 60


@asynccontextmanager
async def opened(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Return the API as a platform admin uses it."""
    token = await platform.token(await platform.admin("Root"))
    async with platform.api(token) as client:
        yield client


@asynccontextmanager
async def at_work(platform: Platform) -> AsyncIterator[None]:
    """Run worker and watchers, as the server does."""
    tools = platform.services.get(Connecting)
    fleet = platform.services.get(Fleet)
    worker = Worker(platform.database, tools.plans, owner="test")
    tasks = {
        asyncio.create_task(worker.run(alone=True)),
        asyncio.create_task(Company(fleet, "test", QUICK).run(alone=True)),
    }
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def request(double: Double, name: str = "house", token: str = "") -> dict[str, Any]:
    user, _, secret = (token or double.control_plane).partition("=")
    options = {"url": double.url, "token": user, "secret": secret, "storage": "local-btrfs"}
    return {
        "name": name,
        "engine": "proxmox",
        "options": options,
        "fingerprint": double.fingerprint,
    }


async def shown(api: httpx.AsyncClient, name: str = "house") -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"{BASE}/{name}")).json()
    return found


async def until(api: httpx.AsyncClient, name: str, **wanted: object) -> dict[str, Any]:
    """Wait until a cluster is shown like that."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await shown(api, name)
            if all(found[key] == value for key, value in wanted.items()):
                return found
            await asyncio.sleep(0.1)


async def surveyed(api: httpx.AsyncClient, name: str = "house") -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await shown(api, name)
            if found["surveyed_at"] and found["looked_at"]:
                return found
            await asyncio.sleep(0.1)


async def described(api: httpx.AsyncClient, name: str = "house") -> list[dict[str, Any]]:
    """Wait until looks know more of the guests than that they are there; return them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: list[dict[str, Any]] = (await api.get(f"{BASE}/{name}/guests")).json()["items"]
            if found and all(one["addresses"] for one in found):
                return found
            await asyncio.sleep(0.1)


async def ended(api: httpx.AsyncClient, operation_id: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            found: dict[str, Any] = (await api.get(f"/api/v1/operations/{operation_id}")).json()
            if found["finished_at"]:
                return found
            await asyncio.sleep(0.1)


async def told(
    api: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool], name: str = "house"
) -> dict[str, Any]:
    """Wait until something holds of what is shown."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await shown(api, name)
            if holds(found):
                return found
            await asyncio.sleep(0.1)


async def finding(api: httpx.AsyncClient, code: str, *, there: bool = True) -> dict[str, Any]:
    """Wait until a risk is shown, or is not any more; return it."""

    def named(found: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in found["findings"] if one["code"] == code]

    found = await told(api, lambda found: bool(named(found)) is there)
    return next(iter(named(found)), {})
