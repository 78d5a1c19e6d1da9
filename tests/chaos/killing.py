"""A stand-in for Proxmox whose client is killed with -9 at a chosen moment of what it asks for.

The moments are found by letting everything pass once unharmed: before and after each call that
changes something, and each frame that is typed into a console.
"""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.factories.elsewhere import CLUSTER
from tests.proxmox.double import Double
from tests.proxmox.wire import DroppedError
from tests.proxmox.world import Guest

from stead.engines.drivers.proxmox.mapping import read_record

LOOKING = ("GET ", "HEAD ")
VARIES = re.compile(r"/(?:[0-9]+|stead-inj-[^/]+)(?=/|$)")
RESERVED = ("instance", "address", "claim", "hosted_guest", "route", "enrolment", "agent")
PATIENCE = 90


@dataclass
class Fate:
    """Counts the moments that pass, and kills at the chosen one."""

    database: sqlite3.Connection
    pid: int = 0
    die_at: str = ""
    passed: list[str] = field(default_factory=list)
    killed: bool = False
    # What whoever comes next finds: another one than at the moment before it.
    telling: list[str] = field(default_factory=list)
    seen: tuple[Any, ...] = ()

    def begin(self, die_at: str) -> None:
        """Count from the beginning."""
        self.die_at, self.passed, self.telling, self.killed = die_at, [], [], False

    def witness(self, phase: str, what: str) -> None:
        """Pass a moment, or let it be the last of whoever asked; then it is not answered."""
        if what.startswith(LOOKING) or self.killed:
            return
        name = f"{phase} {VARIES.sub('/*', what)}"
        times = sum(one.partition(" #")[0] == name for one in self.passed)
        self.passed.append(f"{name} #{times + 1}")
        self._tell(phase)
        if self.passed[-1] == self.die_at:
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)
            raise DroppedError

    def _tell(self, phase: str) -> None:
        """Leave out what finds the same as the moment before: nothing was done or written since.

        Of what is typed every other line is enough: each leaves a shell, some with a question.
        """
        now = self.database.execute("pragma data_version").fetchone()
        typed = "FRAME" in self.passed[-1]
        done = phase == "after" and not (typed and self.passed[-1][-1] in "02468")
        if done or (now != self.seen and not typed):
            self.telling.append(self.passed[-1])
        self.seen = now


@dataclass
class Lane:
    """One cluster that lives on, and the control planes that come and go."""

    double: Double
    process: asyncio.subprocess.Process
    api: httpx.AsyncClient
    fate: Fate
    before: dict[str, Any] = field(default_factory=dict)

    async def next_one(self) -> None:
        """Know who asks from now on."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        self.fate.pid = int(line)

    async def deploy(self, die_at: str = "") -> dict[str, Any]:
        """Deploy, dying on the way; return the operation as it ended."""
        body = {"app": "static-site", "name": "site", "cluster": CLUSTER}
        self.fate.begin(die_at)
        return await self._ended(await self.api.post("/api/v1/deployments", json=body))

    async def remove(self, deployment_id: str, die_at: str = "") -> dict[str, Any]:
        """Remove a deployment, dying on the way; return the operation as it ended."""
        self.fate.begin(die_at)
        return await self._ended(await self.api.delete(f"/api/v1/deployments/{deployment_id}"))

    async def only_deployment(self) -> str:
        """Return the one deployment there is."""
        (found,) = (await self.api.get("/api/v1/deployments")).json()
        return str(found["id"])

    async def _ended(self, accepted: httpx.Response) -> dict[str, Any]:
        assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
        path = f"/api/v1/operations/{accepted.json()['operation_id']}"
        async with asyncio.timeout(PATIENCE):
            while True:
                # One who is killed takes the question along; the next one is asked again.
                with contextlib.suppress(httpx.TransportError):
                    found: dict[str, Any] = (await self.api.get(path)).json()
                    if found.get("finished_at"):
                        break
                await asyncio.sleep(0.02)
        if self.fate.killed:
            await self.next_one()
        return found

    def ours(self) -> dict[str, Guest]:
        """Return the guests that carry our record, by the key in it."""
        found = {}
        for guest in self.double.world.guests.values():
            record = read_record(str(guest.config.get("description", "")))
            if record is not None:
                found[record.key] = guest
        return found

    def records(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what is reserved for deployments, table by table, where there is any."""
        rows = {
            table: self._query(f"select * from {table}")  # noqa: S608  (names from above)
            for table in RESERVED
        }
        return {table: found for table, found in rows.items() if found}

    def claims(self) -> dict[str, str]:
        """Return the guests that we say are ours: their names by key."""
        return dict(self._query("select key, native_name from claim"))

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        return self.fate.database.execute(query).fetchall()

    def world(self) -> dict[str, Any]:
        """Return all on the cluster that a deployment could leave behind."""
        world = self.double.world
        return {
            "guests": sorted(world.guests),
            "volumes": sorted(world.volumes),
            "users": sorted(world.access.users),
            "grants": deepcopy(world.access.acl),
            "pools": {name: sorted(pool.vms) for name, pool in world.pools.items()},
            "consoles": sorted(world.consoles),
        }

    def judge_live(self) -> None:
        """See that there is one guest, closed and known, and nobody at its console."""
        ((key, guest),) = self.ours().items()
        assert guest.running
        assert guest.mode == "tty", "the console is a root shell"
        assert "cmode" not in {**guest.config, **guest.pending}
        assert "cmode" not in guest.dropped
        assert self.claims() == {key: guest.config["hostname"]}
        counts = {table: len(rows) for table, rows in self.records().items()}
        assert counts == dict.fromkeys(RESERVED, 1)
        now = self.world()
        assert {k: now[k] for k in ("users", "grants")} == {
            k: self.before[k] for k in ("users", "grants")
        }
        assert len(now["guests"]) == len(self.before["guests"]) + 1
        assert len(now["volumes"]) == len(self.before["volumes"]) + 1

    def judge_gone(self) -> None:
        """See that the cluster is as it was, and that nothing is reserved."""
        assert self.world() == self.before
        assert self.records() == {}


def watching(folder: Path) -> sqlite3.Connection:
    """Return a look into the database that the control planes work on."""
    return sqlite3.connect(f"file:{folder}/stead.db?mode=ro", uri=True, isolation_level=None)
