"""The Proxmox driver keeps every promise of the port that it makes, on a stand-in.

The stand-in answers with the words, locks and delays recorded of a real one, and its list is
ten seconds behind as there. It has no programs in its guests, so what is promised about those
is not declared.
"""

from collections.abc import AsyncIterator

import pytest
from tests.integration.proxmox.machines import VM_TEMPLATE, add_vm_template
from tests.proxmox.double import Double
from tests.proxmox.presets import ARCHIVE
from tests.support.proxmox import NETWORK, OTHER, TEMPLATE, Handy, cluster, target

from stead.engines import registry
from stead.engines.capabilities import Ability
from stead.engines.conformance.scorecard import Outcome, run_all, run_one
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import Behaviour
from stead.engines.drivers.proxmox.driver import ProxmoxDriver

pytestmark = pytest.mark.timeout(180)  # a life of many tasks, on a machine that may be busy

NOT_DECLARED = {
    Ability.EVACUATION,
    Ability.PROCESS_LIMIT,
    Ability.ADDRESS_FILTER,
    Ability.NEIGHBOUR_ISOLATION,
    Ability.PROJECT_ISOLATION,
    Ability.FILES,
    Ability.EXEC,
    Ability.CONSOLE,
    Ability.BACKUPS,
    Ability.EVENTS,
}
MACHINES = [each for each in BEHAVIOURS if Ability.VMS in each.needs]
TRIED = [each for each in BEHAVIOURS if Ability.VMS not in each.needs]
LIFE = [each for each in TRIED if not NOT_DECLARED & set(each.needs)]
# These look for a mark on the disk, which only the stand-in can put there.
DISKS = [
    each
    for each in TRIED
    if (NOT_DECLARED & set(each.needs) == {Ability.FILES} and each.needs[-1] != Ability.FILES)
    or {Ability.SNAPSHOTS, Ability.CLONE, Ability.IMAGES} & set(each.needs)
]


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(late=True, online_resize=True) as started:
        yield started


@pytest.mark.parametrize("image", [ARCHIVE, TEMPLATE], ids=["archive", "template"])
@pytest.mark.parametrize("behaviour", LIFE, ids=lambda each: each.name)
async def test_it_keeps(double: Double, behaviour: Behaviour, image: str):
    await _kept(double, behaviour, image, ProxmoxDriver)


@pytest.mark.parametrize("behaviour", DISKS, ids=lambda each: each.name)
async def test_it_keeps_disks(double: Double, behaviour: Behaviour):
    await _kept(double, behaviour, TEMPLATE, Handy)


@pytest.mark.parametrize("behaviour", MACHINES, ids=lambda each: each.name)
async def test_it_keeps_machines(double: Double, behaviour: Behaviour):
    """Checked against schema and recordings only: no real machine has run this way."""
    add_vm_template(double.world)
    await _kept(double, behaviour, VM_TEMPLATE, ProxmoxDriver)


async def test_it_declares_what_it_has_to(double: Double):
    one = target(double, TEMPLATE)
    try:
        card = await run_all(one, (), registry.required("proxmox"))
        assert card.lacking == ()
        assert {each for each in Ability if not card.record.of(each).usable} == NOT_DECLARED
    finally:
        await one.driver.close()


def test_every_behaviour_that_can_be_tried_is():
    left_out = {each.name for each in BEHAVIOURS} - {
        each.name for each in [*LIFE, *DISKS, *MACHINES]
    }
    assert {
        need for each in BEHAVIOURS if each.name in left_out for need in each.needs
    } & NOT_DECLARED >= {Ability.FILES, Ability.EXEC}


async def _kept(
    double: Double, behaviour: Behaviour, image: str, kind: type[ProxmoxDriver]
) -> None:
    one = target(double, image, kind)
    try:
        for network in (NETWORK, OTHER):
            await one.driver.ensure_network(network)
        result = await run_one(one, behaviour)
        assert result.outcome is Outcome.KEPT, result.words
    finally:
        await one.driver.close()
