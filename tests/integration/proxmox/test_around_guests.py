"""Bridges, backups that stay, firewalls and pools: what is ours, and what is left alone."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.integration.proxmox.test_proxmox_bad_days import make, spec
from tests.proxmox import presets
from tests.proxmox.double import Double
from tests.support.proxmox import NETWORK, OTHER, cluster, open_driver

from stead.engines import errors
from stead.engines.drivers.proxmox import bridges
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.firewall import FirewallRule
from stead.engines.drivers.proxmox.stored import StoredBackup

pytestmark = pytest.mark.timeout(120)  # a machine that may be busy


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(preset=presets.pair) as started:
        yield started


@pytest.fixture
async def engine(double: Double) -> AsyncIterator[ProxmoxDriver]:
    made = open_driver(double)
    yield made
    await made.close()


async def test_a_bridge_comes_on_every_node_once(double: Double, engine: ProxmoxDriver):
    for _ in range(2):
        await engine.ensure_network(OTHER)
    name = bridges.name_of(OTHER.name)
    for node in double.world.nodes.values():
        assert node.interfaces[name]["cidr"] == "10.0.4.1/22"
        assert not node.staged
    assert len(double.tasks("srvreload")) == 2


async def test_edits_of_others_are_neither_applied_nor_lost(double: Double, engine: ProxmoxDriver):
    node = double.world.nodes["pve1"]
    node.staged = {**node.interfaces, "vmbr9": presets.bridge(9, "10.9.9.1/24")}
    with pytest.raises(errors.LockedError, match="staged") as told:
        await engine.ensure_network(NETWORK)
    assert "pve1" in told.value.message
    assert "vmbr9" not in node.interfaces
    assert "vmbr9" in node.staged


async def test_names_that_a_node_cannot_have_are_replaced_the_same_way_every_time():
    assert bridges.name_of("net") == "net"
    long = bridges.name_of("st-0123456789")
    assert long == bridges.name_of("st-0123456789") != bridges.name_of("st-0123456788")
    assert len(long) <= 15
    assert long.isalnum()


async def test_a_stored_backup_becomes_another_guest(engine: ProxmoxDriver):
    await make(engine, replace(spec(), note="the first", tags=("first",)))
    await engine.settle(await engine.store_backup("a", "local"), 60)
    (backup,) = await engine.list_stored_backups("a", "local")
    again = replace(spec("b", number=21), note="the second")
    for _ in range(2):
        await engine.settle(await engine.restore_stored_backup(again, backup), 60)
    first, second = await engine.find("a"), await engine.find("b")
    assert (second.key, second.note, second.tags) == ("key-b", "the second", ())
    assert second.addresses == ("10.99.2.21",)
    assert (second.mac, first.mac) == (again.mac, spec().mac)
    assert [guest.name for guest in await engine.inventory()].count("b") == 1
    for _ in range(2):
        await engine.settle(await engine.delete_stored_backup(backup), 60)
    assert await engine.list_stored_backups("a", "local") == ()


async def test_a_disk_of_a_guest_is_never_deleted_as_a_backup(
    double: Double, engine: ProxmoxDriver
):
    await make(engine, spec())
    (volume,) = [name for _, name in double.world.volumes if "vm-" in name]
    disk = StoredBackup(volume, "pve1", 0, "")
    with pytest.raises(errors.InvalidError):
        await engine.delete_stored_backup(disk)
    with pytest.raises(errors.InvalidError):
        await engine.restore_stored_backup(spec("b", number=21), disk)


async def test_a_failed_backup_tells_the_words_of_its_log(engine: ProxmoxDriver):
    await make(engine, spec())
    with pytest.raises(errors.EngineError) as told:
        await engine.settle(await engine.store_backup("a", "local-btrfs"), 60)
    assert "local-btrfs" in told.value.native
    assert not told.value.retryable


async def test_rules_are_in_our_order_switched_on_and_replaced(
    double: Double, engine: ProxmoxDriver
):
    await make(engine, spec())
    vmid = next(g.vmid for g in double.world.guests.values() if g.config.get("hostname") == "a")
    await engine.set_firewall("a", (FirewallRule("tcp", "1"), FirewallRule("tcp", "2")))
    firewall = double.world.guest_firewalls[vmid]
    firewall.rules.insert(1, {"type": "in", "action": "ACCEPT", "comment": "theirs", "enable": 1})
    await engine.set_firewall("a", (FirewallRule("tcp", "80"), FirewallRule("udp", "53")))
    told = [(rule.get("dport"), rule.get("comment")) for rule in firewall.rules]
    assert told == [("80", "stead"), ("53", "stead"), (None, "theirs")]
    assert all(rule["enable"] for rule in firewall.rules)
    assert (firewall.options["enable"], firewall.options["policy_in"]) == (1, "DROP")


async def test_pools_are_made_joined_and_deleted_once(double: Double, engine: ProxmoxDriver):
    await make(engine, spec())
    for _ in range(2):
        await engine.ensure_pool("one")
        await engine.join_pool("a", "one")
    with pytest.raises(errors.ConflictError):
        await engine.delete_pool("one")
    await engine.ensure_pool("two")
    await engine.join_pool("a", "two")
    for _ in range(2):
        await engine.delete_pool("one")
    assert set(double.world.pools) == {"two"}
