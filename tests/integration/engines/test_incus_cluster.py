"""A real Incus cluster of two: where guests go, members that are emptied, that die and return."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.conftest import STATE
from tests.db.infra.connected import BASE, at_work, ended, opened, told
from tests.factories.inventory import Records
from tests.factories.platform import make_platform
from tests.support.busybox import build_busybox
from tests.support.incus import Incus, why_not
from tests.support.incus_cluster import NETWORKS, IncusCluster, options, running_cluster

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.conformance.scorecard import Outcome, run_one
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import Behaviour, Target
from stead.engines.drivers.incus import members
from stead.engines.drivers.incus.client import IncusClient
from stead.engines.drivers.incus.driver import IncusDriver, open_driver
from stead.engines.values import Guest, GuestSpec, GuestState, NetworkSpec
from stead.infra import public as infra
from stead.infra.fleet import Fleet
from stead.infra.rules import Standing, Wanted

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1", NETWORKS]),
    pytest.mark.release,  # two daemons take half a minute to meet
    pytest.mark.timeout(180),
]
CIDR = IPv4Network("10.149.0.0/24")
OTHER = IPv4Network("10.149.1.0/24")
NETWORK = NetworkSpec("clusnet", CIDR, CIDR[1], 8444)


@pytest.fixture(scope="module")
def cluster() -> Iterator[IncusCluster]:
    reason = why_not()
    if reason:
        pytest.skip(f"containers cannot be tested: {reason}")
    images = build_busybox(STATE / "busybox-cluster")
    with running_cluster(STATE / "incus-cluster", images) as one:
        yield one


@pytest.fixture
async def driver(cluster: IncusCluster) -> AsyncIterator[IncusDriver]:
    """Return what Stead usually has: a restricted access."""
    engine = _open(cluster.restricted)
    await engine.ensure_network(NETWORK)
    yield engine
    await asyncio.to_thread(cluster.heal)
    await patiently(lambda: clear(engine))
    await engine.close()


@pytest.fixture
async def owner(cluster: IncusCluster) -> AsyncIterator[IncusDriver]:
    engine = _open(cluster.unrestricted)
    yield engine
    await engine.close()


def _open(access: Incus) -> IncusDriver:
    return open_driver(options(access))


def spec(name: str, number: int) -> GuestSpec:
    return GuestSpec(
        name, f"key-{name}", f"of-{name}", "stead-base", NETWORK.name, CIDR[number], "", 1, 64, 1
    )


async def make(driver: IncusDriver, name: str, number: int) -> str:
    """Make a guest that runs; return where it is."""
    await driver.settle(await driver.create(spec(name, number)), 60)
    await driver.settle(await driver.start(name), 60)
    found = await driver.find(name)
    assert found is not None
    return found.node


async def clear(driver: IncusDriver) -> None:
    for guest in await driver.inventory():
        await driver.settle(await driver.stop(guest.name, force=True), 60)
        await driver.settle(await driver.delete(guest.name), 60)


async def patiently(work: Callable[[], Awaitable[object]]) -> None:
    """Do something as a step does that is run again for as long as its failure may pass."""
    async with asyncio.timeout(90):
        while True:
            try:
                await work()
            except errors.EngineError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(0.2)
            else:
                return


async def state_of(driver: IncusDriver, name: str) -> GuestState:
    return next(guest.state for guest in await driver.inventory() if guest.name == name)


async def until_state(driver: IncusDriver, name: str, state: GuestState) -> Guest:
    """Wait until the inventory says so of a guest."""
    async with asyncio.timeout(90):
        while True:
            found = next(guest for guest in await driver.inventory() if guest.name == name)
            if found.state is state:
                return found
            await asyncio.sleep(0.1)


async def test_members_are_nodes_and_tell_what_they_have(driver: IncusDriver):
    found = await driver.survey()
    assert [(one.name, one.online, one.domain) for one in found.nodes] == [
        ("n1", True, "default"),
        ("n2", True, "default"),
    ]
    assert all(one.cores and one.memory_mb for one in found.nodes)
    assert {(one.node, one.shared) for one in found.storages} == {("n1", False), ("n2", False)}
    can = (await driver.capabilities()).of(Ability.EVACUATION)
    assert (can.usable, "unrestricted" in can.reason) == (False, True)
    with pytest.raises(errors.UnsupportedError, match="unrestricted"):
        await driver.evacuate("n2")


async def test_a_copy_is_made_beside_its_source_on_any_member(
    driver: IncusDriver, monkeypatch: pytest.MonkeyPatch
):
    with roomiest(monkeypatch, "n2"):
        await driver.settle(await driver.create(spec("source", 5)), 60)
    await driver.settle(await driver.clone("source", spec("copy", 6)), 60)
    await driver.settle(await driver.start("copy"), 60)
    found = await driver.find("copy")
    assert found is not None
    assert (found.state, found.node) == (GuestState.RUNNING, "n2")


async def test_a_member_is_emptied_gets_nothing_new_and_is_taken_back(
    driver: IncusDriver, owner: IncusDriver, monkeypatch: pytest.MonkeyPatch
):
    with roomiest(monkeypatch, "n1"):
        assert await make(driver, "a", 5) == "n1"
    first, second = await owner.evacuate("n1"), await owner.evacuate("n1")
    await owner.settle(first, 60)
    await owner.settle(second, 60)
    moved = await until_state(driver, "a", GuestState.RUNNING)
    assert (moved.node, moved.key) == ("n2", "key-a")
    assert await make(driver, "b", 6) == "n2"
    with pytest.raises(errors.ConflictError, match="No other member"):
        await owner.evacuate("n2")
    assert await state_of(driver, "b") is GuestState.RUNNING
    (node,) = [one for one in (await driver.survey()).nodes if one.name == "n1"]
    assert (node.online, node.evacuated) == (True, True)
    await owner.settle(await owner.restore_node("n1"), 60)
    back = await until_state(driver, "a", GuestState.RUNNING)
    assert back.node == "n1"
    assert (await owner.restore_node("n1")).done


async def test_a_member_that_dies_takes_no_guest_away_and_a_half_made_one_is_made_once(
    driver: IncusDriver, cluster: IncusCluster, monkeypatch: pytest.MonkeyPatch
):
    with roomiest(monkeypatch, "n1"):
        await make(driver, "stays", 5)
    with roomiest(monkeypatch, "n2"):
        await make(driver, "far", 6)
        half = await driver.create(spec("half", 8))
    cluster.members["n2"].kill()
    with suppress(errors.EngineError):
        await driver.settle(half, 2)
    lost = await until_state(driver, "far", GuestState.UNREACHABLE)
    assert (lost.node, await state_of(driver, "stays")) == ("n2", GuestState.RUNNING)
    for ask in (driver.find, driver.start, driver.delete):
        with pytest.raises(errors.UnreachableError):
            await ask("far")
    await asyncio.to_thread(cluster.members["n2"].start)
    back = await until_state(driver, "far", GuestState.RUNNING)
    assert (back.node, back.key, back.addresses) == ("n2", "key-far", (str(CIDR[6]),))
    await patiently(lambda: make(driver, "half", 8))
    names = [guest.name for guest in await driver.inventory()]
    assert sorted(names) == ["far", "half", "stays"]


async def test_while_a_member_is_known_to_be_away_the_other_one_gets_the_guests(
    driver: IncusDriver, cluster: IncusCluster
):
    cluster.members["n2"].kill()
    await asyncio.to_thread(cluster.wait_for, "n2", "Offline")
    assert await make(driver, "new", 7) == "n1"
    assert (await driver.health()).nodes == ("n1",)
    other = replace(NETWORK, name="latenet", cidr=OTHER, gateway=OTHER[1])
    with pytest.raises(errors.UnreachableError):
        await driver.ensure_network(other)
    await asyncio.to_thread(cluster.heal)
    await patiently(lambda: driver.ensure_network(other))
    await driver.ensure_network(other)
    assert (await driver.health()).nodes == ("n1", "n2")


@pytest.mark.parametrize(
    "behaviour", [one for one in BEHAVIOURS if one.disturbs], ids=lambda one: one.name
)
async def test_it_keeps(behaviour: Behaviour, owner: IncusDriver, cluster: IncusCluster):
    target = Target(owner, lambda: owner, "stead-base", NETWORK, NETWORK, alone=True)
    await owner.ensure_network(NETWORK)
    result = await run_one(target, behaviour)
    await asyncio.to_thread(cluster.heal)
    assert result.outcome is Outcome.KEPT, result.words


async def test_an_operation_empties_a_member_and_a_dead_one_is_told_with_what_it_had(
    owner: IncusDriver,
    driver: IncusDriver,
    cluster: IncusCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    with roomiest(monkeypatch, "n2"):
        await make(driver, "a", 5)
    database = Database(sqlite_url(tmp_path / "stead.db"), Bus())
    await migrations.upgrade(database)
    platform = await make_platform(database, tmp_path)
    async with database.read() as uow:
        local = await infra.local_cluster_id(uow)
    platform.services.get(Fleet).embedded = {local: owner}
    records = Records(database, local)
    await records.claim("a", Wanted.RUNNING)
    await records.look(*await driver.inventory())
    async with opened(platform) as api, at_work(platform):
        await told(api, lambda found: bool(found["capabilities"] and found["nodes"]), "local")
        for verb, node in (("evacuate", "n1"), ("restore", "n2")):
            answer = await api.post(f"{BASE}/local/{verb}", json={"node": "n2"})
            done = await ended(api, answer.json()["operation_id"])
            assert done["state"] == "succeeded", done
            assert await shown(records, "a", node) == (Standing.KNOWN, "running")
        cluster.members["n2"].kill()
        await told(api, lambda found: found["guests"]["unreachable"] == 1, "local")
        lost = (await records.guests())["a"]
        assert (lost.addresses, lost.memory_mb, lost.node) == ([str(CIDR[5])], 64, "n2")
        await asyncio.to_thread(cluster.heal)
        await told(api, lambda found: found["guests"]["known"] == 1, "local")
    await database.close()


async def shown(records: Records, name: str, node: str) -> tuple[Standing, str]:
    """Wait until a guest is shown on a node; return what it is to us and what it does."""
    async with asyncio.timeout(60):
        while True:
            found = (await records.guests())[name]
            if found.node == node and found.state != "busy":
                return found.standing, found.state
            await asyncio.sleep(0.1)


@contextmanager
def roomiest(monkeypatch: pytest.MonkeyPatch, member: str) -> Iterator[None]:
    """Let a member be the one with the most free memory: here both have the same."""

    async def free(_client: IncusClient, name: str) -> int:
        return 2 if name == member else 1

    with monkeypatch.context() as patched:
        patched.setattr(members, "_free", free)
        yield
