"""Hundreds of deployments and removals while the engine misbehaves and the server is killed.

Afterwards what the engine has, what we claim, what is reserved and what the operations say must
be one and the same.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.conftest import TEST_PACKAGES
from tests.support.incus import Incus
from tests.support.stead import Stead
from tests.support.waiting import until

from stead.core.durable import State
from stead.engines import registry
from stead.engines.drivers.simulator.faults import Effect
from stead.engines.port import EngineDriver

pytestmark = pytest.mark.timeout(900)
METHODS = (
    "ensure_network", "create", "find", "settle", "push_file", "start", "stop", "delete",
)  # fmt: skip
TASKS = ("create", "start", "stop", "delete")
SERVER = str(Path(__file__).with_name("serve_with_faults.py"))
UNDER_WAY = 24


@dataclass
class Hunt:
    """One Stead, and what was asked of it."""

    stead: Stead
    chance: random.Random
    faults: Path
    deploys: dict[str, str] = field(default_factory=dict)
    removals: list[str] = field(default_factory=list)
    asked: int = 0

    def write_faults(self, effects: Sequence[Effect]) -> None:
        """Let every call meet every fault, each at a moment of its own after each start."""
        rules = []
        for method in METHODS:
            for effect in effects:
                if effect in {Effect.TASK_FAILED, Effect.STORAGE_FULL} and method not in TASKS:
                    continue
                place = self.chance.randint(1, 40)
                rules.append(
                    {"effect": effect, "method": method, "occurrence": place, "seconds": 0.5}
                )
        self.chance.shuffle(rules)
        self.faults.write_text(json.dumps(rules))

    def restart(self) -> None:
        """Kill the server at once; the next one has other bad days ahead."""
        child = self.faults.with_name("server.pid")
        if "serve" not in self.stead.processes:
            self.stead.start_serve([sys.executable, SERVER, str(self.faults), str(child)])
        else:
            killed = child.read_text()
            os.kill(int(killed), signal.SIGKILL)
            until("another server", lambda: child.read_text() not in {killed, ""})
        until("the API", self._answers, 120)

    def ask(self, api: httpx.Client) -> None:
        """Ask for something: mostly deployments, some removals, some cancellations."""
        self.asked += 1
        dice = self.chance.random()
        if dice < 0.5 or not self.deploys:
            self._deploy(api)
        elif dice < 0.8:
            live = self.rows("select id from deployment where state = 'live' order by id")
            deployment = self.chance.choice([one for (one,) in live] or list(self.deploys))
            answer = api.delete(f"/api/v1/deployments/{deployment}")
            assert answer.status_code in {202, 404, 409}, answer.text
            if answer.status_code == httpx.codes.ACCEPTED:
                self.removals.append(answer.json()["operation_id"])
        else:
            operation = self.chance.choice(list(self.deploys.values())[-8:])
            answer = api.post(f"/api/v1/operations/{operation}/cancel")
            assert answer.status_code in {202, 409}, answer.text

    def _deploy(self, api: httpx.Client) -> None:
        body = {"app": "quick", "name": f"a{self.asked}"}
        answer = api.post("/api/v1/deployments", json=body)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        self.deploys[answer.json()["deployment_id"]] = answer.json()["operation_id"]

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """Read the database beside the server."""
        path = f"file:{self.stead.data / 'stead.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=30)) as database:
            return database.execute(query).fetchall()

    def states(self) -> dict[str, State]:
        """Return where each operation stands."""
        return {name: State(state) for name, state in self.rows("select id, state from operation")}

    def open(self) -> int:
        """Return how many operations have not ended."""
        return sum(not state.ended for state in self.states().values())

    def clear_up(self) -> None:
        """On a good day, try again what people would try again: removals that had failed."""
        self.faults.write_text("[]")
        self.restart()
        until("the end of all operations", lambda: self.open() == 0, 240)
        with self.stead.api() as api:
            for (name,) in self.rows("select id from deployment where state = 'remove_failed'"):
                answer = api.delete(f"/api/v1/deployments/{name}")
                assert answer.status_code == httpx.codes.ACCEPTED, answer.text
                self.removals.append(answer.json()["operation_id"])
            for name, state in self.states().items():
                if state is State.UNDO_FAILED and name in self.deploys.values():
                    answer = api.post(f"/api/v1/operations/{name}/retry")
                    assert answer.status_code == 202, answer.text
        until("the end of all operations", lambda: self.open() == 0, 240)

    def judge(self, guests: dict[str, str]) -> None:
        """Compare the engine's guests (name to key) with every record there is."""
        instances = dict(self.rows("select native_name, id from instance"))
        live = {name for (name,) in self.rows("select id from deployment")}
        assert guests == instances
        assert set(self.rows("select native_name, key from claim")) == set(instances.items())
        ids = {(one,) for one in instances.values()}
        assert set(self.rows("select instance_id from address")) == ids
        assert set(self.rows("select instance_id from deployment")) == ids
        assert {s for (s,) in self.rows("select state from deployment")} <= {"live"}
        owners = {o for (o,) in self.rows("select distinct owner from route")}
        assert owners - {"console"} == live
        self._judge_operations(live)

    def _judge_operations(self, live: set[str]) -> None:
        states = self.states()
        assert set(states) == {*self.deploys.values(), *self.removals}
        removed = set()
        for (subject,) in self.rows(
            "select subject from operation where kind = 'deployment.remove'"
            " and state = 'succeeded'"
        ):
            removed.add(subject.removeprefix("deployment:"))
        for deployment, operation in self.deploys.items():
            made = states[operation] is State.SUCCEEDED and deployment not in removed
            assert (deployment in live) == made, (deployment, states[operation])

    def _answers(self) -> bool:
        assert self.stead.processes["serve"].poll() is None, self.stead.log("serve")[-3000:]
        try:
            url = f"http://127.0.0.1:{self.stead.console_port}/healthz"
            return httpx.get(url).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextlib.contextmanager
def hunting(folder: Path, incus: Incus | None, network: str) -> Iterator[Hunt]:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  (shown when the test fails)
    faults = folder / "faults.json"
    stead = Stead(
        folder, incus, network=network, packages=(TEST_PACKAGES,), tcp_first=25000, faults=faults
    )
    faults.write_text("[]")
    stead.prepare()
    hunt = Hunt(stead, random.Random(seed), faults)  # noqa: S311  (chance, not secrets)
    try:
        hunt.restart()
        stead.start_edge()
        until("the console through the edge", stead.console_answers, 60)
        stead.api().close()
        yield hunt
    finally:
        stead.stop()


def run(hunt: Hunt, requests: int, between_kills: int, effects: Sequence[Effect]) -> None:
    """Ask, kill and start again, then let everything come to its end."""
    while hunt.asked < requests:
        hunt.write_faults(effects)
        hunt.restart()
        with hunt.stead.api() as api:
            for _ in range(min(between_kills, requests - hunt.asked)):
                until("room for more", lambda: hunt.open() < UNDER_WAY, 240)
                hunt.ask(api)
    hunt.clear_up()
    print(Counter(hunt.states().values()))  # noqa: T201  (shown when the test fails)


@pytest.mark.parametrize("requests", [100, pytest.param(500, marks=pytest.mark.exhaustive)])
def test_nothing_is_orphaned_on_the_simulator(tmp_path: Path, requests: int):
    effects = [effect for effect in Effect if effect is not Effect.STALE_INVENTORY]
    with hunting(tmp_path, None, "10.96.0.0/16") as hunt:
        run(hunt, requests, 20, effects)
        hunt.stead.stop()
        journal = str(hunt.stead.data / "simulator.journal")
        engine = registry.connect("simulator", {"state": journal, "time": "jump"})
        hunt.judge(asyncio.run(_guests(engine)))


async def _guests(engine: EngineDriver) -> dict[str, str]:
    try:
        return {guest.name: guest.key for guest in await engine.inventory()}
    finally:
        await engine.close()


@pytest.mark.parametrize("requests", [12, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_nothing_is_orphaned_on_incus(incus: Incus, tmp_path: Path, requests: int):
    effects = [Effect.UNREACHABLE, Effect.LOCKED, Effect.LATENCY, Effect.LOST_ANSWER]
    with hunting(tmp_path, incus, "10.97.0.0/16") as hunt:
        run(hunt, requests, 6, effects)
        listed = incus.command("list", "--project", incus.project, "--format", "json")
        guests = {g["name"]: g["config"]["user.stead.key"] for g in json.loads(listed)}
        hunt.judge(guests)
        assert set(incus.volumes()) == set(guests)
        with hunt.stead.api() as api:
            for (name,) in hunt.rows("select id from deployment"):
                assert api.delete(f"/api/v1/deployments/{name}").status_code == 202
        until("the end of all", lambda: hunt.open() == 0 and not incus.instances(), 240)
        assert hunt.rows("select * from claim") == []
