"""Emptying nodes and taking them back: what people see of it, and what is left after bad days."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.db.infra.connected import BASE, at_work, ended, opened, shown, told
from tests.factories.inventory import Records
from tests.factories.platform import Platform
from typing_extensions import override

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import EngineTask, GuestSpec
from stead.infra import public as infra
from stead.infra.fleet import Fleet
from stead.infra.rules import Wanted

pytestmark = pytest.mark.timeout(120)
NAMES = ("a", "b", "c")


class Engine(SimulatorDriver):
    """Empties as Incus does that finds no place: it stops everything, and fails then."""

    finds_a_place = True
    goes_on: asyncio.Event | None = None
    waits: asyncio.Event | None = None

    @override
    async def evacuate(self, node: str) -> EngineTask:
        task = await super().evacuate(node)
        if not self.finds_a_place:
            self.world.tasks[task.native_id].failure = ("TaskFailedError", "No place for a guest")
            for guest in self.world.guests.values():
                guest.running = guest.running and guest.node != node
        return task

    @override
    async def settle(self, task: EngineTask, limit_seconds: float) -> None:
        if self.goes_on is not None and self.waits is not None:
            self.waits.set()
            await self.goes_on.wait()
        await super().settle(task, limit_seconds)


@pytest.fixture
async def engine(platform: Platform) -> Engine:
    """Return a simulated cluster of three nodes with a guest of ours on each."""
    made = Engine(World(VirtualTime()), FaultPlan())
    async with platform.database.read() as uow:
        local = await infra.local_cluster_id(uow)
    platform.services.get(Fleet).embedded = {local: made}
    records = Records(platform.database, local)
    for name in NAMES:
        await records.claim(name, wanted=None)
        spec = GuestSpec(name, f"key-{name}", f"of-{name}", "stead-base", "", None, "", 1, 64, 1)
        await made.settle(await made.create(spec), 60)
        await made.settle(await made.start(name), 60)
        await records.want(name, Wanted.RUNNING)
    # A look that counts: from now on whoever is elsewhere has moved.
    await records.look(*await made.inventory())
    return made


@pytest.fixture
async def api(platform: Platform, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    assert engine is not None
    async with opened(platform) as client:
        yield client


async def where(engine: Engine) -> dict[str, tuple[str, str]]:
    """Return the node and the state of every guest."""
    return {one.name: (one.node, str(one.state)) for one in await engine.inventory()}


async def known(api: httpx.AsyncClient, engine: Engine) -> None:
    """Wait until every guest is shown where it is, and as it should be."""
    async with asyncio.timeout(60):
        while True:
            rows = (await api.get(f"{BASE}/local/guests")).json()["items"]
            seen = {one["name"]: (one["node"], one["state"]) for one in rows}
            if seen == await where(engine):
                assert {one["class"] for one in rows} == {"known"}, rows
                return
            await asyncio.sleep(0.05)


async def ask(api: httpx.AsyncClient, verb: str, node: str) -> str:
    await told(api, lambda found: bool(found["capabilities"] and found["nodes"]), "local")
    answer = await api.post(f"{BASE}/local/{verb}", json={"node": node})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["operation_id"])


async def node_of(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    found = await shown(api, "local")
    return next(one for one in found["node_facts"] if one["name"] == name)


async def test_a_node_is_emptied_and_taken_back_and_nothing_counts_as_drift(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    before = await where(engine)
    node = before["a"][0]
    async with at_work(platform):
        done = await ended(api, await ask(api, "evacuate", node))
        assert done["state"] == "succeeded", done
        assert (await where(engine))["a"][0] != node
        assert (await node_of(api, node))["evacuated"] is True
        await known(api, engine)
        done = await ended(api, await ask(api, "restore", node))
        assert done["state"] == "succeeded", done
        assert await where(engine) == before
        assert (await node_of(api, node))["evacuated"] is False
        await known(api, engine)
    told_of = [one["text"] for one in (await shown(api, "local"))["events"]]
    assert not [text for text in told_of if "it was on" in text or "it was left" in text]
    assert f"{node} was emptied for work on it" in told_of
    assert f"{node} takes guests again" in told_of


async def test_asking_twice_empties_once(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    async with at_work(platform):
        first, second = [await ask(api, "evacuate", "sim1") for _ in range(2)]
        states = {(await ended(api, one))["state"] for one in (first, second)}
        assert states == {"succeeded"}
        await known(api, engine)
    kinds = [task.kind for task in engine.world.tasks.values()]
    assert kinds.count("evacuate") == 1


async def test_guests_that_a_failed_emptying_stopped_run_again_and_the_node_is_taken_back(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    before, engine.finds_a_place = await where(engine), False
    async with at_work(platform):
        done = await ended(api, await ask(api, "evacuate", before["a"][0]))
        assert done["state"] == "failed"
        assert "No place for a guest" in done["error"]["message"]
        assert await where(engine) == before
        assert not engine.world.evacuated
        await known(api, engine)


async def test_a_cancelled_emptying_brings_the_guests_back(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    before, goes_on, waits = await where(engine), asyncio.Event(), asyncio.Event()
    engine.goes_on, engine.waits = goes_on, waits
    async with at_work(platform):
        operation = await ask(api, "evacuate", before["a"][0])
        await waits.wait()
        answer = await api.post(f"/api/v1/operations/{operation}/cancel")
        assert answer.status_code < 300, answer.text
        goes_on.set()
        assert (await ended(api, operation))["state"] == "cancelled"
        assert await where(engine) == before
        await known(api, engine)


async def test_a_worker_that_dies_while_guests_move_takes_the_work_up_again(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    node, goes_on, waits = (await where(engine))["a"][0], asyncio.Event(), asyncio.Event()
    engine.goes_on, engine.waits = goes_on, waits
    async with at_work(platform):
        operation = await ask(api, "evacuate", node)
        await waits.wait()
    goes_on.set()
    async with at_work(platform):
        assert (await ended(api, operation))["state"] == "succeeded"
        await known(api, engine)
    assert (await where(engine))["a"][0] != node
    kinds = [task.kind for task in engine.world.tasks.values()]
    assert kinds.count("evacuate") == 1


async def test_what_cannot_be_emptied_is_refused_with_the_reason(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    engine._without = frozenset((Ability.EVACUATION,))
    async with at_work(platform):
        await told(api, lambda found: "Switched off" in str(found["capabilities"]), "local")
        answer = await api.post(f"{BASE}/local/evacuate", json={"node": "sim9"})
        assert (answer.status_code, "no node sim9" in answer.text) == (404, True)
        for verb in ("evacuate", "restore"):
            answer = await api.post(f"{BASE}/local/{verb}", json={"node": "sim1"})
            assert answer.json()["code"] == errors.UnsupportedError.code
            assert "Switched off for this simulated cluster" in answer.text


async def test_the_last_node_is_refused_and_its_guests_run_on(
    api: httpx.AsyncClient, platform: Platform, engine: Engine
):
    async with at_work(platform):
        for node in ("sim1", "sim2"):
            assert (await ended(api, await ask(api, "evacuate", node)))["state"] == "succeeded"
        failed = await ended(api, await ask(api, "evacuate", "sim3"))
        assert failed["state"] == "failed"
        assert "No other node" in failed["error"]["message"]
        assert {state for _, state in (await where(engine)).values()} == {"running"}
        assert engine.world.evacuated == {"sim1", "sim2"}
        await known(api, engine)
