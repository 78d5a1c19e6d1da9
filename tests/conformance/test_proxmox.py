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
from stead.engines.values import GuestKind

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
TRIED = [each for each in BEHAVIOURS if each.only is not GuestKind.VM]
LIFE = [each for each in TRIED if not NOT_DECLARED & set(each.needs)]
# These look for a mark on the disk, which only the stand-in can put there.
DISKS = [
    each
    for each in TRIED
    if (NOT_DECLARED & set(each.needs) == {Ability.FILES} and each.needs[-1] != Ability.FILES)
    or {Ability.SNAPSHOTS, Ability.CLONE, Ability.IMAGES} & set(each.needs)
]
MACHINES = [
    each
    for each in BEHAVIOURS
    if each.only is not GuestKind.CONTAINER and not NOT_DECLARED & set(each.needs)
]
FULL = [each for each in MACHINES if each.name.startswith(("a_guest_", "the_same_key"))]
MACHINES_DISKS = [each for each in DISKS if each.only is not GuestKind.CONTAINER]
INSIDE_MACHINES = [
    each
    for each in BEHAVIOURS
    if each.only is not GuestKind.CONTAINER and NOT_DECLARED & set(each.needs)
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
    add_vm_template(double.world, storage="local-btrfs", gib=1)
    await _kept(double, behaviour, VM_TEMPLATE, ProxmoxDriver, GuestKind.VM)


@pytest.mark.release
@pytest.mark.parametrize("behaviour", FULL, ids=lambda each: each.name)
async def test_it_keeps_machines_that_are_whole_copies(double: Double, behaviour: Behaviour):
    """The template is on a storage that is not the one where guests go."""
    add_vm_template(double.world, storage="local", gib=1)
    await _kept(double, behaviour, VM_TEMPLATE, ProxmoxDriver, GuestKind.VM)


@pytest.mark.release
@pytest.mark.parametrize("behaviour", MACHINES_DISKS, ids=lambda each: each.name)
async def test_it_keeps_disks_of_machines(double: Double, behaviour: Behaviour):
    add_vm_template(double.world, storage="local-btrfs", gib=1)
    await _kept(double, behaviour, VM_TEMPLATE, Handy, GuestKind.VM)


@pytest.mark.release
@pytest.mark.parametrize("behaviour", INSIDE_MACHINES, ids=lambda each: each.name)
async def test_what_needs_hands_in_a_machine_is_not_declared(double: Double, behaviour: Behaviour):
    add_vm_template(double.world, storage="local-btrfs", gib=1)
    one = target(double, VM_TEMPLATE, guests=GuestKind.VM)
    try:
        result = await run_one(one, behaviour)
        assert result.outcome is Outcome.NOT_DECLARED
        assert result.words
    finally:
        await one.driver.close()


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
    double: Double,
    behaviour: Behaviour,
    image: str,
    kind: type[ProxmoxDriver],
    guests: GuestKind = GuestKind.CONTAINER,
) -> None:
    one = target(double, image, kind, guests)
    try:
        for network in (NETWORK, OTHER):
            await one.driver.ensure_network(network)
        result = await run_one(one, behaviour)
        assert result.outcome is Outcome.KEPT, result.words
    finally:
        await one.driver.close()
