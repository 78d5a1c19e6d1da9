"""Every fault does to a call what its name says, at the occurrence that the rule names."""

from collections.abc import Awaitable, Callable

import pytest
from tests.unit.engines.simulator.conftest import spec

from stead.engines import errors
from stead.engines.drivers.simulator import faults as rules
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import Effect, Fault, FaultPlan
from stead.engines.values import GuestState

Make = Callable[..., Awaitable[None]]


async def test_unreachable_asks_for_nothing(driver: SimulatorDriver, faults: FaultPlan):
    faults.add(Fault(Effect.UNREACHABLE, "create"))
    with pytest.raises(errors.UnreachableError):
        await driver.create(spec())
    assert await driver.find("a") is None


async def test_a_lost_answer_has_done_what_was_asked(driver: SimulatorDriver, faults: FaultPlan):
    faults.add(Fault(Effect.LOST_ANSWER, "create"))
    with pytest.raises(errors.OutcomeUnknownError):
        await driver.create(spec())
    task = await driver.create(spec())
    await driver.settle(task, 10)
    found = await driver.find("a")
    assert found is not None
    assert found.state is GuestState.STOPPED


@pytest.mark.parametrize(
    ("effect", "kind"),
    [(Effect.TASK_FAILED, errors.TaskFailedError), (Effect.STORAGE_FULL, errors.QuotaError)],
)
async def test_a_failed_task_is_accepted_first_and_leaves_nothing(
    driver: SimulatorDriver, faults: FaultPlan, effect: Effect, kind: type[errors.EngineError]
):
    faults.add(Fault(effect, "create"))
    task = await driver.create(spec())
    with pytest.raises(kind):
        await driver.settle(task, 10)
    assert await driver.inventory() == ()
    await driver.settle(await driver.create(spec()), 10)


async def test_locked_and_latency(driver: SimulatorDriver, faults: FaultPlan, make: Make):
    await make()
    faults.add(Fault(Effect.LOCKED, "start", "a", occurrence=2))
    faults.add(Fault(Effect.LATENCY, "find", seconds=60))
    await driver.settle(await driver.start("a"), 10)
    with pytest.raises(errors.LockedError):
        await driver.start("a")
    before = driver.world.time.now()
    await driver.find("a")
    assert driver.world.time.now() - before > 60


async def test_a_lost_node_takes_its_guests_away_for_a_while(
    driver: SimulatorDriver, faults: FaultPlan, make: Make
):
    await make(start=True)
    faults.add(Fault(Effect.NODE_LOST, "find", "a", seconds=30))
    lost = await driver.find("a")
    assert lost is not None
    assert (lost.state, lost.addresses) == (GuestState.UNREACHABLE, ("10.0.0.2",))
    with pytest.raises(errors.UnreachableError):
        await driver.start("a")
    assert lost.node not in (await driver.health()).nodes
    driver.world.time.advance(30)
    back = await driver.find("a")
    assert back is not None
    assert back.state is GuestState.STOPPED


async def test_a_lost_node_ends_its_tasks(driver: SimulatorDriver, faults: FaultPlan, make: Make):
    await make()
    task = await driver.start("a")
    faults.add(Fault(Effect.NODE_LOST, "settle", "a"))
    with pytest.raises(errors.TaskFailedError, match="lost"):
        await driver.settle(task, 10)


async def test_new_guests_go_where_a_node_is_up(driver: SimulatorDriver):
    for node in driver.world.nodes[:-1]:
        driver.world.lose_node(node)
    await driver.create(spec())
    assert driver.world.guests["a"].node == driver.world.nodes[-1]
    driver.world.lose_node(driver.world.nodes[-1])
    with pytest.raises(errors.UnreachableError):
        await driver.create(spec("b", number=3))


async def test_a_stale_inventory_is_the_one_of_before(
    driver: SimulatorDriver, faults: FaultPlan, make: Make
):
    await make()
    assert len(await driver.inventory()) == 1
    await make("b", number=3)
    faults.add(Fault(Effect.STALE_INVENTORY, "inventory", occurrence=1, times=2))
    seen = [len(await driver.inventory()) for _ in range(3)]
    assert seen == [1, 1, 2]


def test_rules_are_data():
    row = {"effect": "lost_answer", "method": "create", "occurrence": 3, "times": 2}
    plan = FaultPlan(rules.parse([row]))
    met = [plan.meet(method, "a") is not None for method in ["create", "find"] + ["create"] * 4]
    assert met == [False, False, False, True, True, False]


@pytest.mark.parametrize(
    "row",
    [{}, {"effect": "none"}, {"effect": "locked", "when": 1}, {"effect": "locked", "times": "x"}],
)
def test_data_that_is_no_rule_is_refused(row: dict[str, object]):
    with pytest.raises(errors.InvalidError):
        rules.parse([row])
