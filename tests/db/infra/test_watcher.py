"""The watcher on a simulated cluster with bad days: nothing is ever lost by mistake."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import IPv4Network
from itertools import count

import pytest
from tests.factories.inventory import Records

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import Effect, Fault, FaultPlan
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import Change, Guest, GuestEvent, GuestSpec, NetworkSpec
from stead.infra import inventory
from stead.infra.rules import Standing, Wanted
from stead.infra.watchers import Pace, Watcher

QUICK = Pace(
    look=0.02, safety=0.05, describe=0.05, gather=0.001, first_retry=0.02, last_retry=0.02
)
# Complete looks come only when something asks for them.
RARE = Pace(look=0.02, safety=600, describe=600, gather=0.001, first_retry=0.02)
NETWORK = IPv4Network("10.90.0.0/24")
LONG = 10**6


class Cluster:
    """A simulated cluster: our driver, and what somebody else does to its guests."""

    def __init__(self, *without: Ability) -> None:
        self.world = World(VirtualTime())
        self.faults = FaultPlan()
        self.driver = Counting(self.world, self.faults, frozenset(without))
        self._hand = SimulatorDriver(self.world, FaultPlan())
        self._numbers = count(2)

    async def make(self, *names: str) -> None:
        """Make running guests; the keys are those that claims of these names have."""
        await self._hand.ensure_network(NetworkSpec("net", NETWORK, NETWORK[1], 8444))
        for name in names:
            address = NETWORK[next(self._numbers)]
            spec = GuestSpec(
                name, f"key-{name}", f"of-{name}", "stead-base", "net", address, "", 1, 512, 8
            )
            await self._hand.settle(await self._hand.create(spec), 60)
            await self._hand.settle(await self._hand.start(name), 60)

    async def stop(self, name: str) -> None:
        """Stop a guest behind our back."""
        await self._hand.settle(await self._hand.stop(name, force=True), 60)

    async def delete(self, name: str) -> None:
        """Delete a guest behind our back."""
        await self.stop(name)
        await self._hand.settle(await self._hand.delete(name), 60)

    def fail(self, effect: Effect, method: str, name: str = "*", times: int = LONG) -> None:
        """Let calls of our driver meet a fault."""
        self.faults.add(Fault(effect, method, name, times=times))

    def heal(self) -> None:
        """End all faults."""
        self.faults.__init__()

    def say(self, *events: GuestEvent) -> None:
        """Tell of events, true or not."""
        for queue in self.world.listeners:
            for event in events:
                queue.put_nowait(event)


class Counting(SimulatorDriver):
    """Counts the calls, and answers whatever it is told to."""

    looks = 0
    answer: Callable[[], Awaitable[tuple[Guest, ...]]] | None = None

    async def inventory(self) -> tuple[Guest, ...]:
        self.looks += 1
        if self.answer is not None:
            return await self.answer()
        return await super().inventory()


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let looks count right after a change of ours; simulated engines are never behind."""
    monkeypatch.setattr(inventory, "SETTLING", timedelta(0))


@asynccontextmanager
async def watched(
    records: Records, cluster: Cluster, pace: Pace = QUICK, name: str = "", *, alone: bool = True
) -> AsyncIterator[asyncio.Task[None]]:
    watcher = Watcher(records.database, cluster.driver, records.cluster_id, name=name, pace=pace)
    task = asyncio.create_task(watcher.run(alone=alone))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.005)


async def shows(records: Records, **expected: Standing) -> None:
    async def look() -> bool:
        return await records.standings() == expected

    await until(look)


async def state_is(records: Records, state: str) -> None:
    async def look() -> bool:
        return (await records.cluster()).state == state

    await until(look)


async def looks(cluster: Cluster, number: int) -> None:
    """Wait for so many more complete looks; one of them may have begun already."""
    wanted = cluster.driver.looks + number + 1

    async def enough() -> bool:
        return cluster.driver.looks >= wanted

    await until(enough)


@pytest.fixture(params=[(), (Ability.EVENTS,)], ids=["told", "asking"])
async def cluster(request: pytest.FixtureRequest, records: Records) -> Cluster:
    """Return a cluster with one guest of ours and one of somebody else's."""
    found = Cluster(*request.param)
    await found.make("ours", "theirs")
    await records.claim("ours")
    return found


BOTH = {"ours": Standing.KNOWN, "theirs": Standing.UNKNOWN}


async def test_the_first_look_tells_everything_about_a_cluster(records: Records, cluster: Cluster):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        found = await records.cluster()
    assert (found.state, found.simulated, found.version) == ("ok", True, "1 (simulated)")
    assert found.nodes == ["sim1", "sim2", "sim3"]
    can = {one.ability: (one.verdict, one.reason) for one in found.capabilities}
    assert can["snapshots"] == ("yes", "")
    assert can["vms"] == ("yes", "")
    assert can["confinement"][0] == "no"
    assert can["confinement"][1].startswith("Simulator")


async def test_what_somebody_does_to_guests_is_seen(records: Records, cluster: Cluster):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        await cluster.stop("ours")
        await shows(records, ours=Standing.CHANGED, theirs=Standing.UNKNOWN)
        await cluster.delete("ours")
        await cluster.make("more")
        await shows(records, ours=Standing.LOST, theirs=Standing.UNKNOWN, more=Standing.UNKNOWN)
        await cluster.delete("theirs")
        await shows(records, ours=Standing.LOST, more=Standing.UNKNOWN)
    assert "theirs is not there any more" in await records.news()


async def test_a_cluster_that_is_away_keeps_its_guests_and_comes_back(
    records: Records, cluster: Cluster
):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        cluster.fail(Effect.UNREACHABLE, "*")
        await state_is(records, "away")
        away = await records.cluster()
        assert away.last_error == "The simulated engine does not answer"
        assert await records.standings() == BOTH
        cluster.heal()
        await state_is(records, "ok")
        await looks(cluster, 3)
    assert await records.standings() == BOTH
    told = await records.news()
    assert told[-2:] == [
        "No look is possible: The simulated engine does not answer",
        "The cluster answers again",
    ]


async def test_only_looks_that_were_answered_count(records: Records, cluster: Cluster):
    """Deleted while nobody could look: that is known after two answers, not after two tries."""
    async with watched(records, cluster):
        await shows(records, **BOTH)
        cluster.fail(Effect.UNREACHABLE, "inventory")
        await state_is(records, "away")
        await cluster.delete("ours")
        await looks(cluster, 3)
        assert (await records.standings())["ours"] is not Standing.LOST
        cluster.heal()
        await shows(records, ours=Standing.LOST, theirs=Standing.UNKNOWN)


async def test_a_stale_answer_undoes_nothing_for_good(records: Records, cluster: Cluster):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        cluster.fail(Effect.STALE_INVENTORY, "inventory", times=5)
        await cluster.make("new")
        await cluster.stop("theirs")
        await shows(records, **BOTH, new=Standing.UNKNOWN)

        async def stopped() -> bool:
            return (await records.guests())["theirs"].state == "stopped"

        await until(stopped)
        await looks(cluster, 6)
        assert (await records.guests())["theirs"].state == "stopped"


async def test_guests_on_a_lost_node_are_there_with_their_last_known_definition(
    records: Records, cluster: Cluster
):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        before = (await records.guests())["ours"]
        cluster.world.lose_node(before.node)
        await shows(records, ours=Standing.UNREACHABLE, theirs=Standing.UNKNOWN)
        lost = (await records.guests())["ours"]
        assert (lost.node, lost.addresses) == (before.node, before.addresses)
        await looks(cluster, 3)
        assert (await records.standings())["ours"] is Standing.UNREACHABLE


async def test_events_in_any_order_and_about_nobody_change_nothing(records: Records):
    cluster = Cluster()
    await cluster.make("ours", "theirs")
    await records.claim("ours")
    async with watched(records, cluster, RARE):
        await shows(records, **BOTH)
        cluster.say(
            GuestEvent("ours", Change.DELETED),
            GuestEvent("ours", Change.CREATED),
            GuestEvent("ours", Change.STOPPED),
            GuestEvent("never-there", Change.STARTED),
            GuestEvent("x" * 100_000, Change.CREATED),
            GuestEvent("", Change.DELETED),
        )
        await looks(cluster, 0)
        await cluster.stop("theirs")

        async def stopped() -> bool:
            return (await records.guests())["theirs"].state == "stopped"

        await until(stopped)
        assert await records.standings() == BOTH
        assert (await records.cluster()).state == "ok"


async def test_a_told_change_is_seen_without_a_complete_look(records: Records):
    cluster = Cluster()
    await cluster.make("ours", "theirs")
    await records.claim("ours")
    async with watched(records, cluster, RARE):
        await shows(records, **BOTH)
        await asyncio.sleep(0)
        before = cluster.driver.looks
        await cluster.stop("ours")
        await shows(records, ours=Standing.CHANGED, theirs=Standing.UNKNOWN)
        assert cluster.driver.looks == before


async def test_very_many_events_cost_one_look(records: Records):
    cluster = Cluster()
    await cluster.make(*(f"g{number}" for number in range(60)))
    async with watched(records, cluster, RARE):
        await until(lambda: _counted(records, 60))
        cluster.faults.add(Fault(Effect.UNREACHABLE, "find", times=LONG))
        cluster.say(*(GuestEvent(f"g{number}", Change.CHANGED) for number in range(60)))
        await looks(cluster, 0)
        assert (await records.cluster()).state == "ok"


async def _counted(records: Records, number: int) -> bool:
    return len(await records.guests()) == number


async def test_an_engine_that_never_answers_is_away(records: Records, cluster: Cluster):
    async def never() -> tuple[Guest, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    hasty = Pace(look=0.02, safety=0.02, answer=0.05, first_retry=0.02, last_retry=0.02)
    async with watched(records, cluster, hasty):
        await shows(records, **BOTH)
        cluster.driver.answer = never
        await state_is(records, "away")
        cluster.driver.answer = None
        await state_is(records, "ok")


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (errors.AuthRejectedError("The token has expired"), "refused"),
        (errors.ForbiddenError("The role lacks Sys.Audit"), "refused"),
        (errors.OutcomeUnknownError("No answer came"), "away"),
        (KeyError("a bug"), "failing"),
    ],
)
async def test_every_failure_is_shown_for_what_it_is_and_ends_by_itself(
    records: Records, cluster: Cluster, failure: Exception, state: str
):
    async def fail() -> tuple[Guest, ...]:
        raise failure

    async with watched(records, cluster) as task:
        await shows(records, **BOTH)
        cluster.driver.answer = fail
        await state_is(records, state)
        assert await records.standings() == BOTH
        assert "a bug" not in (await records.cluster()).last_error
        cluster.driver.answer = None
        await state_is(records, "ok")
        assert not task.done()


async def test_a_watcher_that_was_killed_is_succeeded_by_one_that_finds_all(
    records: Records, cluster: Cluster
):
    async with watched(records, cluster):
        await shows(records, **BOTH)
    await cluster.delete("theirs")
    await cluster.stop("ours")
    await cluster.make("new")
    assert await records.standings() == BOTH
    async with watched(records, cluster):
        await shows(records, ours=Standing.CHANGED, new=Standing.UNKNOWN)


async def test_two_processes_watch_a_cluster_only_once(records: Records, cluster: Cluster):
    other = Cluster()
    async with watched(records, cluster, name="first", alone=False):
        await shows(records, **BOTH)
        async with watched(records, other, name="second", alone=False):
            await looks(cluster, 3)
            assert other.driver.looks == 0
    short = Pace(look=0.02, safety=0.02, lease=0.1, first_retry=0.02)
    async with watched(records, cluster, short, "first", alone=False):
        await looks(cluster, 1)
    async with watched(records, other, short, "third", alone=False):
        await looks(other, 1)


async def test_what_nobody_watches_says_so(
    records: Records, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    async with watched(records, cluster):
        await shows(records, **BOTH)
    monkeypatch.setattr("stead.infra.clusters._FRESH", timedelta(seconds=-1))
    assert (await records.cluster()).state == "unwatched"


async def test_what_we_do_ourselves_is_nobodys_change(records: Records, cluster: Cluster):
    async with watched(records, cluster):
        await shows(records, **BOTH)
        await records.want("ours", Wanted.ABSENT)
        await cluster.delete("ours")
        await looks(cluster, 3)
        assert (await records.standings())["ours"] is Standing.KNOWN
        await records.release("ours")
        await shows(records, theirs=Standing.UNKNOWN)
    assert not [text for text in await records.news() if text.startswith("ours: ")]
