"""Watching a real Incus: what people do to guests by hand is seen, and nothing is touched."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.conftest import STATE
from tests.support.busybox import build_busybox
from tests.support.incus import Incus, running_incus, why_not

from stead import migrations
from stead.core.authz import Actor
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.engines import registry
from stead.engines.errors import EngineError
from stead.engines.port import ContainerEngine
from stead.engines.values import GuestSpec, NetworkSpec
from stead.infra import clusters, public as infra, repository
from stead.infra.rules import Place, Standing, Wanted
from stead.infra.schemas import ClusterDetailOut, GuestOut
from stead.infra.watchers import Pace, Watcher

ADMIN = Actor("u", "Root", admin=True)
NETWORK = IPv4Network("10.108.0.0/22")


@dataclass
class Watched:
    """An Incus, our driver for it, and the inventory that a watcher feeds."""

    daemon: Incus
    engine: ContainerEngine
    database: Database
    cluster_id: str

    async def by_hand(self, *words: str) -> None:
        """Do something behind our back, as an administrator would."""
        await asyncio.to_thread(self.daemon.command, *words, "--project", self.daemon.project)

    async def make(self, name: str) -> None:
        """Make a running guest of ours, the way that operations do."""
        async with self.database.write() as uow:
            await infra.claim(uow, self.cluster_id, name, owner=f"of-{name}", key=f"key-{name}")
        await self.engine.ensure_network(NetworkSpec("watchnet", NETWORK, NETWORK[1], 8444))
        image = self.daemon.image
        spec = GuestSpec(
            name, f"key-{name}", f"of-{name}", image, "watchnet", NETWORK[9], "", 1, 64, 1
        )
        await self.engine.settle(await self.engine.create(spec), 60)
        await self.engine.settle(await self.engine.start(name), 60)
        await infra.leave(self.database, f"of-{name}", Wanted.RUNNING)

    async def cluster(self) -> ClusterDetailOut:
        """Return what is shown of the cluster."""
        async with self.database.read() as uow:
            return await clusters.get_(uow, ADMIN, infra.LOCAL)

    async def guests(self) -> dict[str, GuestOut]:
        """Return what is shown of its guests."""
        async with self.database.read() as uow:
            found = await clusters.list_guests(uow, ADMIN, infra.LOCAL, None, Place("", 500))
        return {one.name: one for one in found.items}

    async def shows(self, name: str, standing: Standing, *states: str) -> GuestOut:
        """Wait until a guest is shown as this, in one of these states."""
        async with asyncio.timeout(60):
            while True:
                found = (await self.guests()).get(name)
                if found is not None and found.standing == standing and found.state in states:
                    return found
                await asyncio.sleep(0.05)

    async def state_is(self, state: str) -> None:
        """Wait until the cluster is shown like this, and was looked at."""
        async with asyncio.timeout(60):
            while True:
                found = await self.cluster()
                if found.state == state and found.looked_at is not None:
                    return
                await asyncio.sleep(0.05)

    async def agreed(self, name: str) -> None:
        """Wait until a look has taken a guest for what was agreed on."""
        async with asyncio.timeout(60):
            while True:
                async with self.database.read() as uow:
                    if all(one.agreed for one in await repository.claims_of(uow, f"of-{name}")):
                        return
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Incus]:
    reason = why_not()
    if reason:
        pytest.skip(f"containers cannot be tested: {reason}")
    with running_incus(STATE / "incus-watched", build_busybox(STATE / "busybox-watched")) as one:
        yield one


@pytest.fixture
async def watched(daemon: Incus, tmp_path: Path) -> AsyncIterator[Watched]:
    engine = registry.connect(
        "incus",
        {
            "url": daemon.url,
            "project": daemon.project,
            "pool": daemon.pool,
            "certificate": str(daemon.certificate),
            "key": str(daemon.key),
            "server_certificate": str(daemon.server_certificate),
        },
    )
    assert isinstance(engine, ContainerEngine)
    database = Database(sqlite_url(tmp_path / "stead.db"), Bus())
    await migrations.upgrade(database)
    async with database.write() as uow:
        cluster_id = await infra.ensure_local_cluster(uow, "incus")
    pace = Pace(look=2, safety=5, answer=3, last_retry=2)
    task = asyncio.create_task(Watcher(database, engine, cluster_id, pace=pace).run(alone=True))
    try:
        yield Watched(daemon, engine, database, cluster_id)
    finally:
        task.cancel()
        await asyncio.wait({task})
        for name in daemon.instances():
            with suppress(EngineError):
                await engine.settle(await engine.stop(name, force=True), 60)
                await engine.settle(await engine.delete(name), 60)
        await engine.close()
        await database.close()


@pytest.mark.timeout(240)
async def test_what_is_done_by_hand_is_seen_and_left_alone(watched: Watched):
    daemon = watched.daemon
    await watched.state_is("ok")
    await watched.by_hand(
        "launch", daemon.image, "by-hand", "--no-profiles", "--storage", daemon.pool
    )
    await watched.shows("by-hand", Standing.UNKNOWN, "running")
    await watched.make("ours")
    await watched.shows("ours", Standing.KNOWN, "running")
    await watched.agreed("ours")

    await watched.by_hand("stop", "ours", "--force")
    changed = await watched.shows("ours", Standing.CHANGED, "stopped")
    assert changed.reason == "it was left running and is stopped"
    await watched.by_hand("start", "ours")
    await watched.shows("ours", Standing.KNOWN, "running")
    await watched.by_hand("config", "set", "ours", "limits.memory=128MiB")
    changed = await watched.shows("ours", Standing.CHANGED, "running")
    assert changed.reason == "memory in MB: 64 became 128"

    await watched.by_hand("delete", "ours", "--force")
    # Incus stops it first, which a look in between sees.
    lost = await watched.shows("ours", Standing.LOST, "running", "stopped")
    assert (lost.addresses, lost.claimed_by) == (["10.108.0.9"], "of-ours")
    assert daemon.instances() == ["by-hand"]
    assert (await watched.guests())["by-hand"].standing is Standing.UNKNOWN
    told = [one.text for one in (await watched.cluster()).events]
    assert "by-hand is there: nobody here knows it, so it is left alone" in told


@pytest.mark.release
@pytest.mark.timeout(240)
async def test_a_daemon_that_stands_still_is_away_and_loses_no_guest(watched: Watched):
    await watched.make("kept")
    await watched.shows("kept", Standing.KNOWN, "running")
    pid = int((watched.daemon.folder / "incusd.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        await watched.state_is("away")
        assert (await watched.guests())["kept"].standing is Standing.KNOWN
    finally:
        os.kill(pid, signal.SIGCONT)
    await watched.state_is("ok")
    await watched.shows("kept", Standing.KNOWN, "running")
    told = [one.text for one in (await watched.cluster()).events]
    assert told[0] == "The cluster answers again"
