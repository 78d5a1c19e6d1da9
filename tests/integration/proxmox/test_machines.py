"""Virtual machines on the stand-in, which knows them from the schema and recordings only."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote

import pytest
from tests.integration.proxmox.machines import VM_TEMPLATE, add_vm_template
from tests.integration.proxmox.test_proxmox_bad_days import spec
from tests.proxmox.double import Double
from tests.proxmox.world import Guest
from tests.support.proxmox import cluster, open_driver

from stead.engines import errors
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.firewall import FirewallRule
from stead.engines.drivers.proxmox.waiting import Waiting
from stead.engines.values import EngineTask, GuestKind, GuestSize, GuestSpec, GuestState, Image
from stead.kit.secrets import Secret

pytestmark = pytest.mark.timeout(180)  # a life of many tasks, on a machine that may be busy

TOKEN = Secret("t0ken")


def machine(name: str = "v", **changes: object) -> GuestSpec:
    made = replace(spec(name, image=VM_TEMPLATE), kind=GuestKind.VM, memory_mb=512, disk_gb=1)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster() as started:
        add_vm_template(started.world, storage="local-btrfs", gib=1)
        yield started


@pytest.fixture
async def engine(double: Double) -> AsyncIterator[ProxmoxDriver]:
    made = open_driver(double)
    yield made
    await made.close()


@pytest.fixture
async def filtering(double: Double) -> AsyncIterator[ProxmoxDriver]:
    made = open_driver(double, filter_addresses="yes")
    yield made
    await made.close()


async def settle(engine: ProxmoxDriver, *tasks: EngineTask) -> None:
    for task in tasks:
        await engine.settle(task, 60)


def native(double: Double, name: str) -> Guest:
    return next(g for g in double.world.guests.values() if g.config.get("name") == name)


async def test_a_token_travels_by_cloud_init_and_leaves_nothing_in_the_description(
    double: Double, engine: ProxmoxDriver
):
    way = await engine.way_in(machine())
    assert way.at_creation
    for _ in range(2):
        await settle(engine, await engine.create_enrolling(machine(), TOKEN))
    config = native(double, "v").config
    (line,) = unquote(config["sshkeys"]).splitlines()
    assert line.startswith("ssh-ed25519 ")
    assert line.endswith(" stead-enroll:t0ken")
    assert config["ciuser"] == "root"
    assert "t0ken" not in config["description"]
    assert [guest.name for guest in await engine.inventory()].count("v") == 1
    await settle(engine, await engine.start("v"), await engine.close_shell("v"))
    assert await engine.is_closed("v")
    assert (await engine.find("v")).state is GuestState.RUNNING
    assert (await engine.sweep()).open_guests == ()


async def test_its_console_is_no_way_in(engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine()))
    with pytest.raises(errors.UnsupportedError):
        await engine.open_shell("v")


async def test_whoever_comes_after_a_crash_brings_the_token_in(
    double: Double, engine: ProxmoxDriver
):
    await engine.create_enrolling(machine(), TOKEN)
    await engine.close()
    other = open_driver(double)
    await settle(other, await other.start("v"))
    config = native(double, "v").config
    assert "stead-enroll%3At0ken" in config["sshkeys"]
    assert config["ipconfig0"].startswith("ip=10.99.2.20/24")
    await other.close()


async def test_a_clone_keeps_nothing_of_a_careless_template(double: Double, engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine(address=None)))
    config = native(double, "v").config
    assert not {"net1", "ipconfig1"} & set(config)
    assert (config["protection"], config["tags"], config["sockets"]) == (0, "stead.guest", 1)
    assert config["ipconfig0"] == "ip=dhcp"
    assert (await engine.find("v")).addresses == ()


async def test_what_its_source_got_to_enrol_is_not_for_a_clone(
    double: Double, engine: ProxmoxDriver
):
    await settle(engine, await engine.create_enrolling(machine(), TOKEN))
    await settle(engine, await engine.publish_image("v", Image("image", "k")))
    assert native(double, "image").config["template"] == 1
    kinds = {image.name: image.kind for image in await engine.list_images()}
    assert (kinds["image"], kinds["debian-template"]) == (GuestKind.VM, GuestKind.CONTAINER)
    await settle(engine, await engine.create(machine("w", image="image", address=None)))
    for name in ("image", "w"):
        assert "t0ken" not in json.dumps(native(double, name).config)


async def test_without_a_cloud_init_drive_neither_address_nor_token_get_in(
    double: Double, engine: ProxmoxDriver
):
    del native(double, VM_TEMPLATE).config["ide2"]
    with pytest.raises(errors.ConflictError, match="no address would reach"):
        await engine.create(machine())
    for call in (
        engine.way_in(machine(address=None)),
        engine.create_enrolling(machine(address=None), TOKEN),
    ):
        with pytest.raises(errors.ConflictError, match="no token would reach"):
            await call
    await settle(engine, await engine.create(machine(address=None)))


@pytest.mark.parametrize(("part", "what"), [("network", "address"), ("user", "token")])
async def test_a_file_that_stands_in_for_what_is_told_is_in_the_way(
    double: Double, engine: ProxmoxDriver, part: str, what: str
):
    native(double, VM_TEMPLATE).config["cicustom"] = f"{part}=local:snippets/x.yaml"
    with pytest.raises(errors.ConflictError, match=f"no {what} would reach"):
        await engine.way_in(machine())


async def test_kinds_are_not_mixed_up(engine: ProxmoxDriver):
    container = replace(machine(), kind=GuestKind.CONTAINER)
    with pytest.raises(errors.NotFoundError):
        await engine.create(container)
    await settle(engine, await engine.create(machine()))
    with pytest.raises(errors.InvalidError):
        await engine.clone("v", replace(container, name="c", key="c", address=None))
    with pytest.raises(errors.InvalidError):
        await engine.reassign("v", replace(container, name="c", key="c", address=None))


async def test_it_may_use_its_own_address_and_none_that_it_had_before(
    double: Double, filtering: ProxmoxDriver
):
    await settle(filtering, await filtering.create(machine()))
    vmid = native(double, "v").vmid
    fence = double.world.guest_firewalls[vmid]
    assert set(fence.ipsets["ipfilter-net0"]["entries"]) == {"10.99.2.20"}
    assert (fence.options["ipfilter"], fence.options["macfilter"]) == (1, 1)
    assert "firewall=1" in native(double, "v").config["net0"]
    moved = machine("w", address=spec(number=33).address)
    await settle(filtering, await filtering.reassign("v", moved))
    assert set(fence.ipsets["ipfilter-net0"]["entries"]) == {"10.99.2.33"}


async def test_an_address_that_nobody_knows_yet_is_not_filtered_away(
    double: Double, filtering: ProxmoxDriver
):
    await settle(filtering, await filtering.create(machine(address=None)))
    options = double.world.guest_firewalls[native(double, "v").vmid].options
    assert (options["enable"], options["macfilter"], options["ipfilter"]) == (1, 1, 0)


async def test_its_rules_are_its_own(double: Double, engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine()))
    await engine.set_firewall("v", (FirewallRule("tcp", "80"), FirewallRule("tcp", "443")))
    await engine.set_firewall("v", (FirewallRule("tcp", "22"),))
    (rule,) = double.world.guest_firewalls[native(double, "v").vmid].rules
    assert rule["dport"] == "22"


async def test_what_a_running_one_takes_at_its_next_start_is_shown(engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine()), await engine.start("v"))
    await settle(engine, await engine.resize("v", GuestSize(2, 1024, 2)))
    assert await engine.waiting("v") == (
        Waiting("cores", "1", "2"),
        Waiting("memory", "512", "1024"),
    )
    await settle(engine, await engine.stop("v", force=False), await engine.start("v"))
    assert await engine.waiting("v") == ()
    assert (await engine.find("v")).size == GuestSize(2, 1024, 2)


async def test_a_snapshot_is_of_its_disks_alone(double: Double, engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine()), await engine.start("v"))
    await settle(engine, await engine.create_snapshot("v", "before"))
    assert "vmstate" not in native(double, "v").snapshots["before"].config


async def test_a_disk_that_takes_no_snapshots_is_told(double: Double):
    engine = open_driver(double, storage="local")
    await settle(engine, await engine.create(machine()))
    with pytest.raises(errors.UnsupportedError):
        await settle(engine, await engine.create_snapshot("v", "before"))
    await engine.close()


async def test_a_backup_becomes_another_machine(double: Double, engine: ProxmoxDriver):
    await settle(engine, await engine.create(replace(machine(), note="one", tags=("one",))))
    await settle(engine, await engine.store_backup("v", "local"))
    (backup,) = await engine.list_stored_backups("v", "local")
    again = machine("w", address=spec(number=31).address, mac="02:5d:00:00:02:31", note="two")
    for _ in range(2):
        await settle(engine, await engine.restore_stored_backup(again, backup))
    found = await engine.find("w")
    assert (found.kind, found.key, found.note, found.tags) == (GuestKind.VM, "key-w", "two", ())
    assert (found.addresses, found.mac) == (("10.99.2.31",), again.mac)
    assert native(double, "w").config["scsi0"] != native(double, "v").config["scsi0"]
    with pytest.raises(errors.InvalidError):
        await engine.restore_stored_backup(spec("c", number=32), backup)


async def test_a_restore_that_fails_leaves_nothing(double: Double, engine: ProxmoxDriver):
    await settle(engine, await engine.create(machine()))
    await settle(engine, await engine.store_backup("v", "local"))
    (backup,) = await engine.list_stored_backups("v", "local")
    double.faults.add("fail", tasks="qmrestore", reason="no space left on device")
    with pytest.raises(errors.EngineError):
        await settle(
            engine, await engine.restore_stored_backup(machine("w", address=None), backup)
        )
    assert await engine.find("w") is None
