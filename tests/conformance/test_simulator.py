"""The simulator keeps every promise of the port that it makes."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from stead.engines import registry
from stead.engines.capabilities import Ability
from stead.engines.conformance.scorecard import Outcome, run_all, run_one
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import Behaviour, Target
from stead.engines.drivers.simulator.driver import SimulatorDriver
from stead.engines.drivers.simulator.faults import Effect, Fault
from stead.engines.drivers.simulator.times import VirtualTime
from stead.engines.drivers.simulator.world import World
from stead.engines.values import GuestKind, NetworkSpec

NETWORK = NetworkSpec("net", IPv4Network("10.0.0.0/22"), IPv4Address("10.0.0.1"), 8444)
OTHER = NetworkSpec("other", IPv4Network("10.0.4.0/22"), IPv4Address("10.0.4.1"), 8444)
NOT_SIMULATED = {
    Ability.CONFINEMENT,
    Ability.CPU_LIMIT,
    Ability.MEMORY_LIMIT,
    Ability.PROCESS_LIMIT,
    Ability.DISK_LIMIT,
    Ability.ADDRESS_FILTER,
    Ability.NEIGHBOUR_ISOLATION,
    Ability.PROJECT_ISOLATION,
}


class Losing:
    """Loses the answer to the next change."""

    armed = False

    def meet(self, method: str, name: str) -> Fault | None:
        if not self.armed or method not in {"create", "start", "stop", "delete"}:
            return None
        self.armed = False
        return Fault(Effect.LOST_ANSWER)


def target(*without: Ability, kind: GuestKind = GuestKind.CONTAINER) -> Target:
    world, faults = World(VirtualTime()), Losing()

    def lose_answer() -> None:
        faults.armed = True

    def driver() -> SimulatorDriver:
        return SimulatorDriver(world, faults, frozenset(without))

    one = Target(driver(), driver, "stead-base", NETWORK, OTHER, lose_answer, pause_seconds=0)
    return replace(one, alone=True, kind=kind)


@pytest.mark.parametrize("kind", GuestKind)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.name)
async def test_it_keeps(behaviour: Behaviour, kind: GuestKind):
    one = target(kind=kind)
    for network in (NETWORK, OTHER):
        await one.driver.ensure_network(network)
    result = await run_one(one, behaviour)
    expected = Outcome.KEPT
    if NOT_SIMULATED & set(behaviour.needs):
        expected = Outcome.NOT_DECLARED
    elif behaviour.only not in {None, kind}:
        expected = Outcome.NOT_TRIED
    assert result.outcome is expected, result.words
    assert bool(result.words) is (expected is not Outcome.KEPT)


@pytest.mark.parametrize("kind", GuestKind)
@pytest.mark.parametrize(
    "ability", sorted(set(Ability) - NOT_SIMULATED - {Ability.CONTAINERS, Ability.NETWORKS})
)
async def test_it_refuses_what_is_switched_off(ability: Ability, kind: GuestKind):
    one = target(ability, kind=kind)
    card = await run_all(one, BEHAVIOURS, registry.required("simulator"))
    assert not card.of(Outcome.BROKEN), card.text()
    assert card.lacking == (ability,)
    assert not card.passed


async def test_nodes_of_others_are_left_alone():
    one = replace(target(), alone=False)
    card = await run_all(one, BEHAVIOURS, registry.required("simulator"))
    left_out = {result.behaviour.name for result in card.of(Outcome.NOT_TRIED)}
    elsewhere = {each.name for each in BEHAVIOURS if each.only is GuestKind.VM}
    assert left_out - elsewhere == {each.name for each in BEHAVIOURS if each.disturbs}
    assert left_out - elsewhere
    assert card.passed


def test_every_ability_has_a_behaviour():
    assert {need for behaviour in BEHAVIOURS for need in behaviour.needs} == set(Ability)
